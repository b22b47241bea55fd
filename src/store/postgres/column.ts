/** Ordered by its bytes, as the embedded store orders text. */
export const TEXT = 'text COLLATE "C" NOT NULL'

/** What a text costs a language model to read. */
export interface Tokens {
  /** Tokens of a text. May have to load a vocabulary first, which takes some tenths of a second once. */
  count(text: string): Promise<number>
}

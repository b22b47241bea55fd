/** Names for things: made of what they say, so that two clones give the same thing the same name, or new each time. */
export interface Identity {
  /** SHA-256 of a text, hex. */
  digest(text: string): string
  /** The UUID of what these parts describe. */
  idOf(parts: readonly string[]): string
  newId(): string
  /** A text that cannot be guessed. */
  secret(): string
}

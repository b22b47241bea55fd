import type { Tokens } from '../ports/tokens.ts'

/**
 * What the tokenizer takes as one word, if it is this long. It merges a word in quadratic time: half a second for 16,000 times
 * the same letter. No text that is meant to be read has such words.
 */
const ENDLESS_WORD = /[\p{L}\p{M}]{1000,}|\s{1000,}|[^\s\p{L}\p{N}]{1000,}/gu

/** Words of which the tokenizer remembers the tokens; its own default of 100,000 is memory that nobody wins by. */
const REMEMBERED_WORDS = 5_000

/**
 * Counts by the vocabulary `o200k_base`. It is loaded by the first text that is counted, which takes a quarter of a second and 80 MB;
 * whoever knows that a text's bytes fit need not ask, since it never has more tokens than bytes.
 */
export function vocabularyTokens(load: () => Promise<(text: string) => number> = loadVocabulary): Tokens {
  let loading: Promise<(text: string) => number> | undefined
  return {
    async count(text) {
      loading ??= load()
      try {
        const tokensIn = await loading
        return countWith(tokensIn, text)
      } catch (error) {
        loading = undefined
        throw error
      }
    },
  }
}

async function loadVocabulary(): Promise<(text: string) => number> {
  const { countTokens, setMergeCacheSize } = await import('gpt-tokenizer/encoding/o200k_base')
  setMergeCacheSize(REMEMBERED_WORDS)
  // What looks like a control token is text here: an agent may well write about "<|endoftext|>".
  const asText = { disallowedSpecial: new Set<string>() }
  return (text) => countTokens(text, asText)
}

/** An endless word counts as many tokens as it has bytes, which is the most that it can be. */
function countWith(tokensIn: (text: string) => number, text: string): number {
  let count = 0
  let from = 0
  for (const { 0: word, index } of text.matchAll(ENDLESS_WORD)) {
    count += tokensIn(text.slice(from, index)) + Buffer.byteLength(word)
    from = index + word.length
  }
  return count + tokensIn(text.slice(from))
}

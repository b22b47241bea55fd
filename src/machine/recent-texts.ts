/** A set that forgets what was asked for least recently. */
export interface RecentTexts {
  has(text: string): boolean
  add(text: string): void
}

/** Remembers at most `maxCount` texts of at most `maxChars` characters together. */
export function recentTexts(maxCount: number, maxChars: number): RecentTexts {
  const texts = new Set<string>()
  let chars = 0

  function remove(text: string) {
    if (texts.delete(text)) chars -= text.length
  }

  return {
    has(text) {
      if (!texts.delete(text)) return false
      // A set keeps the order of insertion, so the first one is always the one to forget.
      texts.add(text)
      return true
    },
    add(text) {
      if (text.length > maxChars) return
      remove(text)
      texts.add(text)
      chars += text.length
      for (const oldest of texts) {
        if (texts.size <= maxCount && chars <= maxChars) break
        remove(oldest)
      }
    },
  }
}

/**
 * A map of bounded size that keeps what was used last. It forgets some at a time, those that were
 * not used for longest. What it holds lies in one map: a look into it misses the cache once.
 */
export interface Recent<in out K, in out V> {
  readonly get: (key: K) => V | undefined
  readonly set: (key: K, value: V) => void
}

/** A full map forgets an eighth: few, so that it is hardly smaller, and not each time. */
const share = 8

export const make = <K, V>(capacity: number): Recent<K, V> => {
  const atOnce = Math.ceil(capacity / share)
  /** What was used last stands last. */
  const entries = new Map<K, V>()

  const forget = (): void => {
    let left = atOnce
    for (const key of entries.keys()) {
      if (left-- === 0) return
      entries.delete(key)
    }
  }

  return {
    get: (key) => {
      const value = entries.get(key)
      if (value === undefined) return undefined
      entries.delete(key)
      entries.set(key, value)
      return value
    },
    set: (key, value) => {
      entries.delete(key)
      if (entries.size >= capacity) forget()
      entries.set(key, value)
    }
  }
}

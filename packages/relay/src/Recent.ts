/**
 * A map of bounded size that keeps what was used last. It forgets a generation at a time, the one
 * that was not used for longest. Every operation takes constant time.
 */
export interface Recent<in out K, in out V> {
  readonly get: (key: K) => V | undefined
  readonly set: (key: K, value: V) => void
}

/** Many small ones, so that a full map is hardly smaller just after it forgot one. */
const generations = 8

export const make = <K, V>(capacity: number): Recent<K, V> => {
  const generation = Math.max(1, Math.floor(capacity / generations))
  let young = new Map<K, V>()
  /** The younger ones first. */
  let aged: ReadonlyArray<Map<K, V>> = []
  const set = (key: K, value: V): void => {
    if (young.size >= generation) {
      aged = [young, ...aged.slice(0, generations - 2)]
      young = new Map()
    }
    young.set(key, value)
  }
  return {
    get: (key) => {
      const recent = young.get(key)
      if (recent !== undefined) return recent
      const value = aged.find((map) => map.has(key))?.get(key)
      if (value !== undefined) set(key, value)
      return value
    },
    set
  }
}

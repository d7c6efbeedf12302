/**
 * A map of bounded size that keeps what was used last: when its young half is full, the old
 * half is forgotten. Every operation takes constant time.
 */
export interface Recent<in out K, in out V> {
  readonly get: (key: K) => V | undefined
  readonly set: (key: K, value: V) => void
}

export const make = <K, V>(capacity: number): Recent<K, V> => {
  const half = Math.max(1, capacity >> 1)
  let young = new Map<K, V>()
  let old = new Map<K, V>()
  const set = (key: K, value: V): void => {
    if (young.size >= half) {
      old = young
      young = new Map()
    }
    young.set(key, value)
  }
  return {
    get: (key) => {
      const recent = young.get(key)
      if (recent !== undefined) return recent
      const aged = old.get(key)
      if (aged !== undefined) set(key, aged)
      return aged
    },
    set
  }
}

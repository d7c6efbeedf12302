/** How often each of many strangers is answered: a token bucket each, for those seen last. */

const mostStrangers = 10_000

interface Bucket {
  tokens: number
  /** Unix milliseconds. */
  at: number
}

export interface Allowance {
  /** Whether `who` may be answered now (unix milliseconds); counts as an answer. */
  readonly take: (who: string, now: number) => boolean
}

export const make = (perMinute: number): Allowance => {
  const buckets = new Map<string, Bucket>()

  const bucketOf = (who: string, now: number): Bucket => {
    const bucket = buckets.get(who) ?? { tokens: perMinute, at: now }
    // The map keeps the order of insertion: the first is the one that was not seen for longest.
    buckets.delete(who)
    buckets.set(who, bucket)
    const [oldest] = buckets.keys()
    if (buckets.size > mostStrangers && oldest !== undefined) buckets.delete(oldest)
    return bucket
  }

  return {
    take: (who, now) => {
      const bucket = bucketOf(who, now)
      const gained = (Math.max(0, now - bucket.at) / 60_000) * perMinute
      bucket.tokens = Math.min(perMinute, bucket.tokens + gained)
      bucket.at = now
      if (bucket.tokens < 1) return false
      bucket.tokens--
      return true
    }
  }
}

/** Whether a market where nobody sells has left, or a clock is wrong. All in unix seconds. */
import { Option } from "effect"

/** By how much the newest announcement may lie ahead of our clock. */
const aheadAllowed = 5 * 60

/** Silence of the whole market that is remarkable: an announcement's usual life. */
const behindAllowed = 30 * 60

/** Whether a word is dated so far ahead that our clock, or its author's, must be off. */
export const isAhead = (createdAt: number, now: number): boolean => createdAt > now + aheadAllowed

/** Why nobody may seem to sell: how far the market's newest word is from our clock. */
export const of = (newestWord: number, now: number): Option.Option<string> => {
  if (isAhead(newestWord, now))
    return Option.some(
      `the newest announcement is dated ${newestWord - now} s ahead: this machine's clock may be slow`
    )
  if (newestWord > 0 && newestWord < now - behindAllowed)
    return Option.some(
      `the newest announcement is ${now - newestWord} s old: everybody left, or this machine's clock is fast`
    )
  return Option.none()
}

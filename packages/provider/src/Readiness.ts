/** Whether a provider can sell now, and what is in its way. */
import type { BackendHealth } from "./BackendHealth.ts"

export interface Readiness {
  readonly relays: ReadonlyArray<{ readonly url: string; readonly connected: boolean }>
  /** Why the wallet does not answer; undefined if it does. */
  readonly walletTrouble: string | undefined
  readonly backends: ReadonlyArray<BackendHealth>
  /** Whether the last that was announced is that it sells. */
  readonly announced: boolean
  /** Jobs at once, as far as the backends are healthy. */
  readonly capacity: number
  readonly running: number
  /** Paid jobs that wait for their turn. */
  readonly waiting: number
}

/** What keeps it from selling, for people; nothing if it is ready. */
export const obstacles = (readiness: Readiness): ReadonlyArray<string> => [
  ...(readiness.relays.some(({ connected }) => connected) ? [] : ["no relay is connected"]),
  ...(readiness.walletTrouble === undefined
    ? []
    : [`the wallet does not answer: ${readiness.walletTrouble}`]),
  ...(readiness.backends.some(({ isHealthy }) => isHealthy) ? [] : ["no backend is healthy"]),
  ...(readiness.announced ? [] : ["it is not announced"])
]

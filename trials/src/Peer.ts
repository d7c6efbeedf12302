/** A provider that does what a trial tells it to, in a place and with an account of its own. */
import { Msat } from "@farthing/protocol"
import { Relay } from "@farthing/relay"
import { Bank } from "@farthing/wallet"
import { Effect } from "effect"
import * as TestPeer from "../../packages/compute/test/TestPeer.ts"
import * as Stage from "./Stage.ts"

export type Profile = Omit<TestPeer.Profile, "account">

export type { How, Job, Script } from "../../packages/compute/test/TestPeer.ts"

export interface Peer extends TestPeer.Peer {
  readonly account: Stage.Account
}

/** Has a channel, and says nothing yet. */
export const make = Effect.fnUntraced(function* (place: Stage.Place, profile: Profile) {
  const stage = yield* Stage.Stage
  const account = yield* stage.account(profile.name, Msat.zero)
  const peer = yield* TestPeer.make({ ...profile, account: account.account }).pipe(
    Effect.provideService(Relay.Relay, place.relay),
    Effect.provideService(Bank.Bank, stage.bank)
  )
  return { ...peer, account } satisfies Peer
})

/** A provider that is announced and serves. */
export const open = Effect.fnUntraced(function* (
  place: Stage.Place,
  profile: Profile,
  script: TestPeer.Script
) {
  const peer = yield* make(place, profile)
  yield* peer.announce()
  yield* peer.serve(script)
  return peer
})

/** What every good provider does. */
export const honest =
  (amount: Msat.Msat, text = "an honest answer"): TestPeer.Script =>
  (job) =>
    Effect.gen(function* () {
      yield* Effect.flatMap(job.invoice(amount), job.isPaid)
      yield* job.result(text)
    })

/**
 * How a scripted provider settles where money is locked first: honestly, so that a trial changes
 * only what it is about.
 */
import { type AgentMessage, Bolt11, type Sealed, type Settlement } from "@farthing/protocol"
import { Effect } from "effect"
import { randomBytes } from "node:crypto"
import * as TestSealing from "../../packages/compute/test/TestSealing.ts"
import * as Deal from "./Deal.ts"
import type { HoldTerms, Job } from "../../packages/compute/test/PeerJob.ts"
import type { Environment } from "./People.ts"

/** Customer and provider settle this way, and no other. */
export const by = (mode: Settlement.Settlement, environment: Environment = {}): Deal.Terms => ({
  profile: { announcement: { settlements: [mode] } },
  environment: { FARTHING_COMPUTE_SETTLEMENT: mode, ...environment }
})

export const newPreimage = (): Bolt11.Preimage =>
  Bolt11.Preimage.make(randomBytes(32).toString("hex"))

/** The hash of the customer's own preimage, which it named in its request. */
export const hashIn = (job: Job): Effect.Effect<Bolt11.PaymentHash> =>
  Effect.orDie(Effect.fromNullishOr(job.request.payment_hash))

/** An invoice on the customer's hash; says nothing. */
export const makeEscrow = (job: Job, terms: Partial<HoldTerms> = {}) =>
  Effect.flatMap(hashIn(job), (paymentHash) => job.makeHold(Deal.price, { paymentHash, ...terms }))

export const quoteEscrow = (
  job: Job,
  invoice: Bolt11.Invoice,
  change: Partial<AgentMessage.Invoice> = {}
) => job.quote(invoice, { settlement: "escrow", hold: true, ...change })

/** Quotes an escrow, and waits until the money is locked. */
export const awaitEscrow = Effect.fnUntraced(function* (job: Job, terms?: Partial<HoldTerms>) {
  const invoice = yield* makeEscrow(job, terms)
  yield* quoteEscrow(job, invoice)
  yield* job.isLocked(invoice)
  return invoice
})

/** Waits for the customer's preimage, and takes the money; whether the bank gave it. */
export const claimEscrow = (job: Job) => Effect.flatMap(job.released, job.claim)

/** What every good provider does who trusts its customer with a preimage. */
export const honestEscrow =
  (text = "an honest answer") =>
  (job: Job) =>
    awaitEscrow(job).pipe(Effect.andThen(job.result(text)), Effect.andThen(claimEscrow(job)))

/** A result under seal, and the invoice that opens it. */
export interface SealedJob {
  readonly invoice: Bolt11.Invoice
  readonly preimage: Bolt11.Preimage
  readonly lock: Sealed.Lock
  readonly chunks: ReadonlyArray<AgentMessage.SealedChunk>
  readonly commitment: AgentMessage.SealedResult
}

/** Seals these texts, one a chunk; says nothing. */
export const seal = Effect.fnUntraced(function* (
  job: Job,
  texts: ReadonlyArray<string> = ["an honest ", "answer"]
) {
  const preimage = newPreimage()
  const invoice = yield* job.makeHold(Deal.price, { paymentHash: Bolt11.hashOf(preimage) })
  const lock = yield* TestSealing.lockFor(job.signer, job, invoice, preimage)
  const chunks = TestSealing.sealedOf(lock, TestSealing.piecesOf(job.event.id, texts))
  return {
    invoice,
    preimage,
    lock,
    chunks,
    commitment: TestSealing.commitmentOf(job.event.id, invoice, chunks)
  } satisfies SealedJob
})

export const quoteSealed = (
  job: Job,
  { invoice }: Pick<SealedJob, "invoice">,
  change: Partial<AgentMessage.Invoice> = {}
) => job.quote(invoice, { settlement: "sealed", hold: true, ...change })

/** The invoice, the chunks in order, and the commitment. */
export const saySealed = Effect.fnUntraced(function* (job: Job, sealed: SealedJob) {
  yield* quoteSealed(job, sealed)
  for (const chunk of sealed.chunks) yield* job.say(chunk)
  yield* job.say(sealed.commitment)
})

/** Takes the money as soon as it is locked; whether the bank gave it. */
export const claimSealed = (job: Job, { invoice, preimage }: SealedJob) =>
  Effect.andThen(job.isLocked(invoice), job.claim(preimage))

/** The same with these chunks in place of the true ones, and a commitment to them. */
export const withChunks = (
  job: Job,
  sealed: SealedJob,
  chunks: ReadonlyArray<AgentMessage.SealedChunk>
): SealedJob => ({
  ...sealed,
  chunks,
  commitment: TestSealing.commitmentOf(job.event.id, sealed.invoice, chunks)
})

/** What every good provider does who trusts its customer with an inference. */
export const honestSealed =
  (...texts: ReadonlyArray<string>) =>
  (job: Job) =>
    Effect.gen(function* () {
      const sealed = yield* seal(job, texts.length === 0 ? undefined : texts)
      yield* saySealed(job, sealed)
      yield* claimSealed(job, sealed)
    })

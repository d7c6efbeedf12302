/**
 * The agent's account at the bank, as a wallet that is interrupted half-way: what it is asked for is
 * under way, and goes on once it is taken up again.
 */
import { type Bolt11, Msat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Payer, Wallet } from "@farthing/wallet"
import { Context, Effect, Layer, Option } from "effect"

/** What becomes of the next attempts to take something up; then they succeed. */
export type Trouble = "unknown" | "silent"

interface Begun {
  readonly request: Payer.LockRequest
  readonly goOn: Effect.Effect<unknown, unknown>
  readonly at: number
}

export class Interrupted extends Context.Service<
  Interrupted,
  {
    /** The hashes that were taken up, in order. */
    readonly resumed: ReadonlyArray<Bolt11.PaymentHash>
    readonly trouble: Array<Trouble>
  }
>()("test/Interrupted") {}

export const layer = Layer.effectContext(
  Effect.gen(function* () {
    const wallet = yield* Wallet.Wallet
    const payer = yield* Payer.Payer
    const begun = new Map<Bolt11.PaymentHash, Begun>()
    const resumed: Array<Bolt11.PaymentHash> = []
    const trouble: Array<Trouble> = []

    /** It never answers: its process goes away, or gives it up. */
    const begin = Effect.fnUntraced(function* (
      request: Payer.LockRequest,
      goOn: Effect.Effect<unknown, unknown>
    ) {
      const { paymentHash } = "invoice" in request ? request.invoice : request.htlc
      begun.set(paymentHash, { request, goOn, at: yield* UnixTime.now })
      return yield* Effect.never
    })

    const resume: Payer.Shape["resume"] = Effect.fnUntraced(function* ({ invoice }) {
      const { paymentHash } = invoice
      resumed.push(paymentHash)
      const next = trouble.shift()
      if (next === "silent") return yield* Effect.never
      if (next === "unknown") return yield* new Payer.PaymentUnknown({ paymentHash, message: "no" })
      const waiting = begun.get(paymentHash)
      if (waiting === undefined) return
      begun.delete(paymentHash)
      yield* Effect.ignore(waiting.goOn)
    })

    const pending = (paymentHash: Bolt11.PaymentHash): Option.Option<Wallet.Outgoing> =>
      Option.map(Option.fromUndefinedOr(begun.get(paymentHash)), ({ at, request }) => ({
        paymentHash,
        bolt11: "invoice" in request ? request.invoice.bolt11 : "",
        amount:
          "invoice" in request
            ? Option.getOrElse(request.invoice.amount, () => Msat.zero)
            : request.htlc.amount,
        state: "pending",
        fee: Option.none(),
        preimage: Option.none(),
        createdAt: at,
        settledAt: Option.none()
      }))

    return Context.make(Interrupted, { resumed, trouble }).pipe(
      Context.add(
        Payer.Payer,
        Payer.Payer.of({
          ...payer,
          // What has begun goes on, whenever that is.
          pay: (request) =>
            begin(request, payer.pay({ ...request, expiresAt: request.invoice.expiresAt })),
          lock: (request) => begin(request, payer.lock({ ...request, expiresAt: lastMoment })),
          resume
        })
      ),
      Context.add(
        Wallet.Wallet,
        Wallet.Wallet.of({
          ...wallet,
          lookupOutgoing: (paymentHash) =>
            Effect.suspend(() =>
              Option.match(pending(paymentHash), {
                onNone: () => wallet.lookupOutgoing(paymentHash),
                onSome: Effect.succeedSome
              })
            )
        })
      )
    )
  })
)

/** Unix seconds; the invoices of the tests expire before. */
const lastMoment = 1_000_000

/**
 * A wallet that is opened when it is first asked for something, and then stays open. Whoever never
 * asks waits for nothing; one that cannot be opened is tried again whenever somebody asks.
 */
import { Context, Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import { Payer, PaymentFailed, PaymentUnknown } from "./Payer.ts"
import type { Shape as PayerShape } from "./Payer.ts"
import type { Shape, WalletId } from "./Wallet.ts"
import { Wallet, WalletError, WalletUnreachable } from "./Wallet.ts"

export interface Options<E, R> {
  /** What is known of it before it is open. */
  readonly id: WalletId
  readonly capsFee: boolean
  readonly wallet: Layer.Layer<Wallet | Payer, E, R>
}

type Opened = Context.Context<Wallet | Payer>

export const make = Effect.fnUntraced(function* <E extends { readonly message: string }, R>({
  capsFee,
  id,
  wallet
}: Options<E, R>) {
  const scope = yield* Effect.scope
  const context = yield* Effect.context<R>()

  /** In a scope of its own: nothing is left of an opening that fails. */
  const build = Effect.gen(function* () {
    const own = yield* Scope.fork(scope)
    return yield* Layer.buildWithScope(wallet, own).pipe(
      Effect.provideContext(context),
      Effect.onExit((exit) => (Exit.isFailure(exit) ? Scope.close(own, exit) : Effect.void))
    )
  })

  let opening: Fiber.Fiber<Opened, E> | undefined

  /** Who stops waiting does not stop the opening, for which others may wait too. */
  const open = Effect.suspend(() => {
    const result = opening?.pollUnsafe()
    return opening !== undefined && (result === undefined || Exit.isSuccess(result))
      ? Effect.succeed(opening)
      : Effect.tap(Effect.forkIn(build, scope), (fiber) => Effect.sync(() => (opening = fiber)))
  }).pipe(Effect.uninterruptible, Effect.flatMap(Fiber.join))

  const asked = <A, E2>(
    ask: (wallet: Shape) => Effect.Effect<A, E2>
  ): Effect.Effect<A, E2 | WalletError> =>
    open.pipe(
      Effect.mapError(closed),
      Effect.flatMap((opened) => ask(Context.get(opened, Wallet)))
    )

  const told = <A, E2, E3>(
    ask: (payer: PayerShape) => Effect.Effect<A, E2>,
    otherwise: (message: string) => E3
  ): Effect.Effect<A, E2 | E3> =>
    open.pipe(
      Effect.mapError(({ message }) => otherwise(message)),
      Effect.flatMap((opened) => ask(Context.get(opened, Payer)))
    )

  return Context.make(
    Wallet,
    Wallet.of({
      id,
      info: asked(({ info }) => info),
      balance: asked(({ balance }) => balance),
      address: asked(({ address }) => address),
      makeInvoice: (request) => asked((it) => it.makeInvoice(request)),
      makeHoldInvoice: (request) => asked((it) => it.makeHoldInvoice(request)),
      quoteHtlc: (request) => asked((it) => it.quoteHtlc(request)),
      settleHoldInvoice: (preimage) => asked((it) => it.settleHoldInvoice(preimage)),
      cancelHoldInvoice: (paymentHash) => asked((it) => it.cancelHoldInvoice(paymentHash)),
      lookupIncoming: (paymentHash) => asked((it) => it.lookupIncoming(paymentHash)),
      lookupOutgoing: (paymentHash) => asked((it) => it.lookupOutgoing(paymentHash)),
      transactions: (options) => asked((it) => it.transactions(options)),
      incoming: Stream.unwrap(asked(({ incoming }) => Effect.succeed(incoming)))
    })
  ).pipe(
    Context.add(
      Payer,
      Payer.of({
        capsFee,
        pay: (request) => told((it) => it.pay(request), notPaid),
        lock: (request) => told((it) => it.lock(request), notPaid),
        resume: (request) =>
          told(
            (it) => it.resume(request),
            (message) => new PaymentUnknown({ paymentHash: request.invoice.paymentHash, message })
          )
      })
    )
  )
})

export const layer = <E extends { readonly message: string }, R>(
  options: Options<E, R>
): Layer.Layer<Wallet | Payer, never, R> => Layer.effectContext(make(options))

const closed = ({ message }: { readonly message: string }) =>
  new WalletError({ reason: new WalletUnreachable({ message }) })

/** A wallet that was not open has paid nothing. */
const notPaid = (message: string) => new PaymentFailed({ reason: "unreachable", message })

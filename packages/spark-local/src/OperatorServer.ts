/** Serves the operators over gRPC and TLS on loopback, each on a port of its own. */
import type { SubscribeToEventsResponse } from "@buildonspark/spark-sdk/proto/spark"
import { SparkServiceDefinition } from "@buildonspark/spark-sdk/proto/spark"
import { SparkTokenServiceDefinition } from "@buildonspark/spark-sdk/proto/spark_token"
import { UnixTime } from "@farthing/relay"
import grpc from "@grpc/grpc-js"
import { Cause, Clock, Effect, Exit, PubSub, Stream } from "effect"
import type { CallContext, Server } from "nice-grpc"
import { createServer, ServerError, Status } from "nice-grpc"
import * as AuthenticationApi from "./AuthenticationApi.ts"
import type { Change } from "./Books.ts"
import type { Certificate } from "./Certificate.ts"
import type { Faults } from "./Faults.ts"
import type { Identity } from "./Identity.ts"
import type { Ledger } from "./Ledger.ts"
import * as Loopback from "./Loopback.ts"
import type { Messages } from "./Messages.ts"
import type { OperatorCalls } from "./OperatorCalls.ts"
import type { OperatorQueries } from "./OperatorQueries.ts"
import { Refused } from "./Refused.ts"
import type { Sessions } from "./Sessions.ts"

export interface Options {
  readonly calls: OperatorCalls
  readonly queries: OperatorQueries
  readonly ledger: Ledger
  readonly messages: Messages
  readonly sessions: Sessions
  readonly faults: Faults
  readonly certificate: Certificate
}

type OwnCall<Request, Answer> = (
  request: Request,
  caller: Identity,
  idempotencyKey: string | undefined
) => Effect.Effect<Answer, Refused>

/** Serves until the scope closes; returns the port. */
export const make = Effect.fnUntraced(function* (options: Options) {
  const { calls, certificate, faults, queries, sessions } = options
  const runExit = Effect.runPromiseExitWith(yield* Effect.context())

  const answered = async <A>(
    operation: string,
    call: Effect.Effect<A, Refused>,
    { header, signal }: CallContext
  ) => {
    const exit = await runExit(
      Effect.tap(faults.around("operators", operation, call), () =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          // The client sets its clock by these.
          header.set("date", new Date(now).toISOString())
          header.set("x-processing-time-ms", "0")
        })
      ),
      { signal }
    )
    if (Exit.isSuccess(exit)) return exit.value
    throw toServerError(Cause.squash(exit.cause))
  }

  /** A call of those who have proved who they are. */
  const own =
    <Request, Answer>(operation: string, call: OwnCall<Request, Answer>) =>
    (request: Request, context: CallContext) => {
      const caller = sessions.identify(context.metadata.get("authorization"))
      const key = context.metadata.get("x-idempotency-key")
      const answer = Effect.flatMap(caller, (caller) => call(request, caller, key))
      return answered(operation, answer, context)
    }

  const server = createServer({ "grpc.max_receive_message_length": mostBytes })

  server.add(AuthenticationApi.definition, {
    get_challenge: ({ publicKey }, context) =>
      answered("get_challenge", challengeFor(sessions, publicKey), context),
    verify_challenge: (answer, context) =>
      answered("verify_challenge", sessionFor(sessions, answer), context)
  })

  server.add(tokens, {
    query_token_outputs: own("query_token_outputs", () =>
      Effect.succeed({ outputsWithPreviousTransactionData: [] })
    )
  })

  server.add(spark, {
    query_nodes: own("query_nodes", queries.query_nodes),
    query_pending_transfers: own("query_pending_transfers", queries.query_pending_transfers),
    query_all_transfers: own("query_all_transfers", queries.query_all_transfers),
    query_htlc: own("query_htlc", queries.query_htlc),
    get_signing_commitments: own("get_signing_commitments", calls.get_signing_commitments),
    start_transfer_v2: own("start_transfer_v2", calls.start_transfer_v2),
    initiate_swap_primary_transfer: own(
      "initiate_swap_primary_transfer",
      calls.initiate_swap_primary_transfer
    ),
    initiate_preimage_swap_v3: own("initiate_preimage_swap_v3", calls.initiate_preimage_swap_v3),
    provide_preimage: own("provide_preimage", calls.provide_preimage),
    store_preimage_share_v2: own("store_preimage_share_v2", calls.store_preimage_share_v2),
    claim_transfer: own("claim_transfer", calls.claim_transfer),
    subscribe_to_events: async function* (request, context) {
      const events = await own("subscribe_to_events", (_: typeof request, caller) =>
        Effect.succeed(eventsFor(options, caller))
      )(request, context)
      yield* Stream.toAsyncIterable(
        events.pipe(
          Stream.interruptWhen(aborted(context.signal)),
          Stream.merge(Stream.fromEffectDrain(faults.breakdown("operators")), {
            haltStrategy: "left"
          }),
          Stream.mapError(toServerError)
        )
      )
    }
  })

  return yield* listen(server, certificate)
})

const pick = <Methods extends object, Name extends keyof Methods>(
  methods: Methods,
  ...names: ReadonlyArray<Name>
): Pick<Methods, Name> =>
  Object.fromEntries(names.map((name) => [name, methods[name]])) as Pick<Methods, Name>

/** What is served of the operators' protocol; everything else is unimplemented. */
const spark = {
  ...SparkServiceDefinition,
  methods: pick(
    SparkServiceDefinition.methods,
    "query_nodes",
    "query_pending_transfers",
    "query_all_transfers",
    "query_htlc",
    "get_signing_commitments",
    "start_transfer_v2",
    "initiate_swap_primary_transfer",
    "initiate_preimage_swap_v3",
    "provide_preimage",
    "store_preimage_share_v2",
    "claim_transfer",
    "subscribe_to_events"
  )
}

const tokens = {
  ...SparkTokenServiceDefinition,
  methods: pick(SparkTokenServiceDefinition.methods, "query_token_outputs")
}

const mostBytes = 20_000_000

const challengeFor = Effect.fnUntraced(function* (sessions: Sessions, publicKey: Uint8Array) {
  const nonce = yield* sessions.challenge
  const timestamp = yield* UnixTime.now
  const challenge = { version: 1, timestamp, nonce, publicKey }
  return { protectedChallenge: { version: 1, challenge, serverHmac: new Uint8Array() } }
})

const sessionFor = (
  sessions: Sessions,
  { protectedChallenge, publicKey, signature }: AuthenticationApi.VerifyChallengeRequest
) => {
  const { challenge } = protectedChallenge
  const message = AuthenticationApi.Challenge.encode(challenge).finish()
  return Effect.map(
    sessions.open({ nonce: challenge.nonce, message, signature, publicKey }),
    ({ expiresAt, token }) => ({ sessionToken: token, expirationTimestamp: expiresAt })
  )
}

/** What becomes of a client's transfers, as sender or receiver, from the subscription on. */
const eventsFor = (
  { ledger, messages }: Options,
  caller: Identity
): Stream.Stream<SubscribeToEventsResponse> => {
  const eventsOf = ({ transfer }: Change): ReadonlyArray<SubscribeToEventsResponse> => {
    const isSender = transfer.sender === caller
    const isReceiver = transfer.receiver === caller && transfer.state === "sent"
    if (!isSender && !isReceiver) return []
    const event = { transfer: messages.transfer(transfer), traceId: "" }
    const sent = { event: { $case: "senderTransfer", senderTransfer: event } } as const
    const received = { event: { $case: "receiverTransfer", receiverTransfer: event } } as const
    return [...(isSender ? [sent] : []), ...(isReceiver ? [received] : [])]
  }
  return PubSub.subscribe(ledger.changes).pipe(
    Effect.map((changes) =>
      Stream.fromSubscription(changes).pipe(
        Stream.flatMap((change) => Stream.fromIterable(eventsOf(change))),
        Stream.prepend([connected])
      )
    ),
    Stream.unwrap
  )
}

const connected: SubscribeToEventsResponse = { event: { $case: "connected", connected: {} } }

const aborted = (signal: AbortSignal): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (signal.aborted) return resume(Effect.void)
    signal.addEventListener("abort", () => resume(Effect.void), { once: true })
  })

const toServerError = (error: unknown): ServerError =>
  error instanceof Refused
    ? new ServerError(Status[error.code], error.message)
    : new ServerError(Status.UNKNOWN, String(error))

const listen = (server: Server, { certificate, key }: Certificate) =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: () =>
        server.listen(
          `${Loopback.host}:0`,
          grpc.ServerCredentials.createSsl(null, [{ cert_chain: certificate, private_key: key }])
        ),
      catch: (cause) => new Loopback.CannotListen({ message: String(cause) })
    }),
    () => Effect.sync(() => server.forceShutdown())
  )

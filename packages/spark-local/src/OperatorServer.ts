/** Serves the operators over gRPC and TLS on loopback, each on a port of its own. */
import grpc from "@grpc/grpc-js"
import type { SubscribeToEventsResponse } from "@buildonspark/spark-sdk/proto/spark"
import { SparkServiceDefinition } from "@buildonspark/spark-sdk/proto/spark"
import { SparkTokenServiceDefinition } from "@buildonspark/spark-sdk/proto/spark_token"
import { UnixTime } from "@farthing/relay"
import { Cause, Effect, Exit, PubSub, Schema, Stream } from "effect"
import type { CallContext, Server } from "nice-grpc"
import { createServer, ServerError, Status } from "nice-grpc"
import * as AuthenticationApi from "./AuthenticationApi.ts"
import type { Certificate } from "./Certificate.ts"
import type { Faults } from "./Faults.ts"
import type * as Identity from "./Identity.ts"
import type { Change, Ledger } from "./Ledger.ts"
import type { Messages } from "./Messages.ts"
import type { OperatorCalls } from "./OperatorCalls.ts"
import { Refused } from "./Refused.ts"
import type { Sessions } from "./Sessions.ts"

export interface Options {
  readonly calls: OperatorCalls
  readonly ledger: Ledger
  readonly messages: Messages
  readonly sessions: Sessions
  readonly faults: Faults
  readonly certificate: Certificate
}

/** Serves until the scope closes; returns the port. */
export const make = Effect.fnUntraced(function* (options: Options) {
  const { calls, certificate, faults, sessions } = options
  const runExit = Effect.runPromiseExitWith(yield* Effect.context())

  const run = async <A>(
    operation: string,
    effect: Effect.Effect<A, Refused>,
    signal: AbortSignal
  ) => {
    const exit = await runExit(faults.around("operators", operation, effect), { signal })
    if (Exit.isSuccess(exit)) return exit.value
    throw toServerError(exit.cause)
  }

  /** A method for callers who have proved who they are. */
  const method =
    <Request, Answer>(
      operation: string,
      answer: (
        request: Request,
        caller: Identity.Identity,
        idempotencyKey: string | undefined
      ) => Effect.Effect<Answer, Refused>
    ) =>
    (request: Request, { metadata, signal }: CallContext) =>
      run(
        operation,
        Effect.flatMap(sessions.identify(metadata.get("authorization")), (caller) =>
          answer(request, caller, metadata.get("x-idempotency-key"))
        ),
        signal
      )

  const server = createServer({ "grpc.max_receive_message_length": mostBytes })
  server.add(AuthenticationApi.definition, {
    get_challenge: ({ publicKey }, { signal }) =>
      run("get_challenge", challengeFor(sessions, publicKey), signal),
    verify_challenge: ({ protectedChallenge: { challenge }, publicKey, signature }, { signal }) =>
      run(
        "verify_challenge",
        Effect.map(
          sessions.open({
            nonce: challenge.nonce,
            message: AuthenticationApi.Challenge.encode(challenge).finish(),
            signature,
            publicKey
          }),
          ({ expiresAt, token }) => ({ sessionToken: token, expirationTimestamp: expiresAt })
        ),
        signal
      )
  })
  server.add(tokens, {
    query_token_outputs: async () => ({ outputsWithPreviousTransactionData: [] })
  })
  server.add(spark, {
    query_nodes: method("query_nodes", calls.query_nodes),
    query_pending_transfers: method("query_pending_transfers", calls.query_pending_transfers),
    query_all_transfers: method("query_all_transfers", calls.query_all_transfers),
    query_htlc: method("query_htlc", calls.query_htlc),
    get_signing_commitments: method("get_signing_commitments", calls.get_signing_commitments),
    start_transfer_v2: method("start_transfer_v2", calls.start_transfer_v2),
    initiate_preimage_swap_v3: method("initiate_preimage_swap_v3", calls.initiate_preimage_swap_v3),
    provide_preimage: method("provide_preimage", calls.provide_preimage),
    store_preimage_share_v2: method("store_preimage_share_v2", calls.store_preimage_share_v2),
    claim_transfer: method("claim_transfer", calls.claim_transfer),
    subscribe_to_events: async function* (_request, { metadata, signal }) {
      const caller = await run(
        "subscribe_to_events",
        sessions.identify(metadata.get("authorization")),
        signal
      )
      yield* Stream.toAsyncIterable(
        Stream.interruptWhen(eventsFor(options, caller), aborted(signal))
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
  return {
    protectedChallenge: {
      version: 1,
      challenge: { version: 1, timestamp, nonce, publicKey },
      serverHmac: new Uint8Array()
    }
  }
})

/** Transfers of a client, as sender or receiver, from the subscription on. */
const eventsFor = (
  { ledger, messages }: Options,
  caller: Identity.Identity
): Stream.Stream<SubscribeToEventsResponse> => {
  const eventsOf = ({ transfer }: Change): ReadonlyArray<SubscribeToEventsResponse> => {
    const event = { transfer: messages.transfer(transfer), traceId: "" }
    return [
      ...(transfer.sender === caller
        ? [{ event: { $case: "senderTransfer", senderTransfer: event } } as const]
        : []),
      ...(transfer.receiver === caller && transfer.state === "sent"
        ? [{ event: { $case: "receiverTransfer", receiverTransfer: event } } as const]
        : [])
    ]
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

const toServerError = (cause: Cause.Cause<Refused>): ServerError => {
  const error = Cause.squash(cause)
  return error instanceof Refused
    ? new ServerError(Status[error.code], error.message)
    : new ServerError(Status.UNKNOWN, Cause.pretty(cause))
}

const listen = (server: Server, { certificate, key }: Certificate) =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: () =>
        server.listen(
          "127.0.0.1:0",
          grpc.ServerCredentials.createSsl(null, [{ cert_chain: certificate, private_key: key }])
        ),
      catch: (cause) => new CannotListen({ message: String(cause) })
    }),
    () => Effect.sync(() => server.forceShutdown())
  )

/** No port can be had on loopback. */
export class CannotListen extends Schema.TaggedError<CannotListen>()("CannotListen", {
  message: Schema.String
}) {}

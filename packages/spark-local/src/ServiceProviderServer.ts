/** Serves the service provider on loopback: GraphQL over HTTP, by the names of its operations. */
import { Bolt11, Hex, Sat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Cause, Effect, Exit, Schema } from "effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import { createServer } from "node:http"
import { buffer } from "node:stream/consumers"
import { promisify } from "node:util"
import { inflate } from "node:zlib"
import type { Faults } from "./Faults.ts"
import * as Identity from "./Identity.ts"
import type * as LightningReceive from "./LightningReceive.ts"
import type * as LightningSend from "./LightningSend.ts"
import { CannotListen } from "./OperatorServer.ts"
import { Refused } from "./Refused.ts"
import type { Sessions } from "./Sessions.ts"
import * as UserRequest from "./UserRequest.ts"
import type { UserRequests } from "./UserRequests.ts"

export interface Options {
  readonly receive: Effect.Success<ReturnType<typeof LightningReceive.make>>
  readonly send: Effect.Success<ReturnType<typeof LightningSend.make>>
  readonly requests: UserRequests
  readonly sessions: Sessions
  readonly faults: Faults
}

type Answer = Effect.Effect<Record<string, unknown>, Refused>

/** Serves until the scope closes; returns the port. */
export const make = Effect.fnUntraced(function* (options: Options) {
  const runExit = Effect.runPromiseExitWith(yield* Effect.context())
  const http = createServer((request, response) => {
    const gone = new AbortController()
    response.on("close", () => gone.abort())
    void runExit(respond(options, request, response), { signal: gone.signal })
  })
  return yield* Effect.acquireRelease(
    Effect.callback<number, CannotListen>((resume) => {
      http.once("error", ({ message }) => resume(Effect.fail(new CannotListen({ message }))))
      http.listen(0, "127.0.0.1", () => {
        const address = http.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    }),
    () =>
      Effect.sync(() => {
        http.closeAllConnections()
        http.close()
      })
  )
})

const respond = Effect.fnUntraced(function* (
  options: Options,
  request: IncomingMessage,
  response: ServerResponse
) {
  const call = Effect.flatMap(callOf(request), (call) =>
    options.faults.around(
      "serviceProvider",
      call.operationName,
      answer(options, call, request.headers.authorization)
    )
  )
  const exit = yield* Effect.exit(call)
  if (Exit.isSuccess(exit)) return reply(response, 200, { data: exit.value })
  const error = Cause.squash(exit.cause)
  if (!(error instanceof Refused))
    return reply(response, 500, { message: Cause.pretty(exit.cause) })
  switch (error.code) {
    case "UNAVAILABLE":
      return void request.socket.destroy()
    case "UNAUTHENTICATED":
      return reply(response, 401, { message: error.message })
    default:
      return reply(response, 200, { data: null, errors: [{ message: error.message }] })
  }
})

const reply = (response: ServerResponse, status: number, body: unknown) => {
  response.writeHead(status, { "content-type": "application/json" })
  response.end(JSON.stringify(body))
}

const Call = Schema.fromJsonString(
  Schema.Struct({ operationName: Schema.String, variables: Schema.Unknown })
)

const callOf = (request: IncomingMessage) =>
  Effect.tryPromise(async () => {
    const body = await buffer(request)
    return request.headers["content-encoding"] === "deflate" ? await promisify(inflate)(body) : body
  }).pipe(
    Effect.flatMap((body) => Schema.decodeUnknownEffect(Call)(body.toString())),
    Effect.mapError(() => invalid("That is no GraphQL call"))
  )

const answer = (
  { receive, requests, send, sessions }: Options,
  { operationName, variables }: typeof Call.Type,
  authorization: string | undefined
): Answer => {
  const user = sessions.identify(authorization)
  switch (operationName) {
    case "GetChallenge":
      return Effect.map(sessions.challenge, (nonce) => ({
        get_challenge: {
          get_challenge_output_protected_challenge: Buffer.from(nonce).toString("base64")
        }
      }))
    case "VerifyChallenge":
      return Effect.gen(function* () {
        const given = yield* decode(VerifyChallenge, variables)
        const { expiresAt, token } = yield* sessions.open({
          nonce: given.protected_challenge,
          message: given.protected_challenge,
          signature: given.signature,
          publicKey: Hex.toBytes(given.identity_public_key)
        })
        return {
          verify_challenge: {
            verify_challenge_output_session_token: token,
            verify_challenge_output_valid_until: UnixTime.toISOString(expiresAt)
          }
        }
      })
    case "RequestLightningReceive":
      return Effect.gen(function* () {
        const given = yield* decode(RequestLightningReceive, variables)
        const request = yield* receive.request({
          user: given.receiver_identity_pubkey ?? (yield* user),
          paymentHash: given.payment_hash,
          amount: given.amount_sats,
          memo: given.memo ?? "",
          expirySeconds: given.expiry_secs ?? 2_592_000
        })
        return { request_lightning_receive: { request: UserRequest.toJson(request) } }
      })
    case "LightningSendFeeEstimate":
      return Effect.succeed({
        lightning_send_fee_estimate: {
          lightning_send_fee_estimate_output_fee_estimate: UserRequest.sats(send.fee)
        }
      })
    case "RequestLightningSend":
      return Effect.gen(function* () {
        const given = yield* decode(RequestLightningSend, variables)
        const request = yield* send.request({
          user: yield* user,
          bolt11: given.encoded_invoice,
          transferId: given.user_outbound_transfer_external_id
        })
        return { request_lightning_send: { request: UserRequest.toJson(request) } }
      })
    case "UserRequest":
      return Effect.gen(function* () {
        const given = yield* decode(ById, variables)
        const found = requests.of(yield* user).find(({ id }) => id === given.request_id)
        return { user_request: found === undefined ? null : UserRequest.toJson(found) }
      })
    case "Transfers":
      return Effect.gen(function* () {
        const { transfer_spark_ids: ids } = yield* decode(ByTransfers, variables)
        const found = requests
          .of(yield* user)
          .filter(({ transferId = "" }) => ids.includes(transferId))
        return {
          transfers: found.map((request) => ({
            __typename: "Transfer",
            transfer_total_amount: UserRequest.sats(request.amount),
            transfer_spark_id: request.transferId,
            transfer_user_request: UserRequest.toJson(request)
          }))
        }
      })
    case "FetchCurrentUserToUserRequestsConnection":
      return Effect.gen(function* () {
        const given = yield* decode(History, variables)
        return historyOf(requests.of(yield* user), given)
      })
    default:
      return Effect.fail(invalid(`${operationName} is not served`))
  }
}

/** Newest first; a page ends before the request whose place is the cursor. */
const historyOf = (
  all: ReadonlyArray<UserRequest.UserRequest>,
  { after, first, types }: typeof History.Type
) => {
  const wanted = all
    .filter((request) => !types?.length || types.includes(UserRequest.kindOf(request)))
    .reverse()
  const start = Number(after ?? 0)
  const end = start + (first ?? 100)
  return {
    current_user: {
      user_requests: {
        __typename: "SparkWalletUserToUserRequestsConnection",
        spark_wallet_user_to_user_requests_connection_count: wanted.length,
        spark_wallet_user_to_user_requests_connection_page_info: {
          __typename: "PageInfo",
          page_info_has_next_page: end < wanted.length,
          page_info_has_previous_page: start > 0,
          page_info_start_cursor: String(start),
          page_info_end_cursor: String(Math.min(end, wanted.length))
        },
        spark_wallet_user_to_user_requests_connection_entities: wanted
          .slice(start, end)
          .map(UserRequest.toJson)
      }
    }
  }
}

const maybe = <S extends Schema.Top>(schema: S) => Schema.optional(Schema.NullOr(schema))

const VerifyChallenge = Schema.Struct({
  protected_challenge: Schema.Uint8ArrayFromBase64,
  signature: Schema.Uint8ArrayFromBase64,
  identity_public_key: Identity.Identity
})

const RequestLightningReceive = Schema.Struct({
  amount_sats: Sat.Sat,
  payment_hash: Bolt11.PaymentHash,
  memo: maybe(Schema.String),
  expiry_secs: maybe(Schema.Int),
  receiver_identity_pubkey: maybe(Identity.Identity)
})

const RequestLightningSend = Schema.Struct({
  encoded_invoice: Schema.String,
  user_outbound_transfer_external_id: Schema.String
})

const ById = Schema.Struct({ request_id: Schema.String })

const ByTransfers = Schema.Struct({ transfer_spark_ids: Schema.Array(Schema.String) })

const History = Schema.Struct({
  first: maybe(Schema.Int),
  after: maybe(Schema.String),
  types: maybe(Schema.Array(Schema.String))
})

const decode = <S extends Schema.Codec<unknown, unknown>>(schema: S, variables: unknown) =>
  Effect.mapError(Schema.decodeUnknownEffect(schema)(variables), ({ message }) => invalid(message))

const invalid = (message: string) => new Refused({ code: "INVALID_ARGUMENT", message })

/** What the service provider is asked over GraphQL, by the names of the operations. */
import { Bolt11, Hex, Sat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Effect, Schema } from "effect"
import { Identity } from "./Identity.ts"
import * as Leaf from "./Leaf.ts"
import type { Ledger } from "./Ledger.ts"
import type { LightningReceive } from "./LightningReceive.ts"
import type { LightningSend } from "./LightningSend.ts"
import { Refused } from "./Refused.ts"
import type { Sessions } from "./Sessions.ts"
import * as UserRequest from "./UserRequest.ts"
import type { UserRequests } from "./UserRequests.ts"

export type ServiceProviderCalls = ReturnType<typeof make>

export interface Options {
  readonly ledger: Ledger
  readonly receive: LightningReceive
  readonly send: LightningSend
  readonly requests: UserRequests
  readonly sessions: Sessions
}

/** What the caller says of itself, and asks for. */
interface Asked {
  readonly variables: unknown
  readonly authorization: string | undefined
}

type Answer = Effect.Effect<unknown, Refused>

export const make = ({ ledger, receive, requests, send, sessions }: Options) => {
  /** An operation for everybody. */
  const open =
    <A>(input: Schema.Decoder<A>, answer: (given: A) => Answer) =>
    ({ variables }: Asked): Answer =>
      Effect.flatMap(decode(input, variables), answer)

  /** An operation for users that have proved who they are. */
  const own =
    <A>(input: Schema.Decoder<A>, answer: (given: A, user: Identity) => Answer) =>
    ({ authorization, variables }: Asked): Answer =>
      Effect.flatMap(sessions.identify(authorization), (user) =>
        Effect.flatMap(decode(input, variables), (given) => answer(given, user))
      )

  const operations: Readonly<Record<string, (asked: Asked) => Answer>> = {
    GetChallenge: open(Schema.Unknown, () =>
      Effect.map(sessions.challenge, (nonce) => ({
        get_challenge: {
          get_challenge_output_protected_challenge: Buffer.from(nonce).toString("base64")
        }
      }))
    ),

    VerifyChallenge: open(VerifyChallenge, (given) =>
      Effect.map(
        sessions.open({
          nonce: given.protected_challenge,
          message: given.protected_challenge,
          signature: given.signature,
          publicKey: Hex.toBytes(given.identity_public_key)
        }),
        ({ expiresAt, token }) => ({
          verify_challenge: {
            verify_challenge_output_session_token: token,
            verify_challenge_output_valid_until: UnixTime.toISOString(expiresAt)
          }
        })
      )
    ),

    RequestLightningReceive: own(RequestLightningReceive, (given, user) =>
      Effect.map(
        receive.request({
          user: given.receiver_identity_pubkey ?? user,
          paymentHash: given.payment_hash,
          amount: given.amount_sats,
          memo: given.memo ?? "",
          expirySeconds: given.expiry_secs ?? thirtyDays
        }),
        (request) => ({ request_lightning_receive: { request: UserRequest.toJson(request) } })
      )
    ),

    LightningSendFeeEstimate: open(Schema.Unknown, () =>
      Effect.succeed({
        lightning_send_fee_estimate: {
          lightning_send_fee_estimate_output_fee_estimate: UserRequest.sats(send.fee)
        }
      })
    ),

    RequestLightningSend: own(RequestLightningSend, (given, user) =>
      Effect.map(
        send.request({
          user,
          bolt11: given.encoded_invoice,
          transferId: given.user_outbound_transfer_external_id
        }),
        (request) => ({ request_lightning_send: { request: UserRequest.toJson(request) } })
      )
    ),

    /** For nothing: leaves of the amounts that are wanted, and the rest. */
    RequestSwap: own(RequestSwap, (given, user) =>
      Effect.gen(function* () {
        const wanted = given.target_amount_sats.flatMap(Leaf.fewest)
        const rest = given.target_amount_sats.reduce(
          (rest, amount) => rest - amount,
          given.total_amount_sats as number
        )
        if (rest < 0) return yield* invalid("More is wanted than given")
        const change = yield* ledger.exchange(given.user_outbound_transfer_external_id, user, [
          ...wanted,
          ...Leaf.fewest(Sat.make(rest))
        ])
        return { request_swap: { request: UserRequest.exchangeToJson(change) } }
      })
    ),

    UserRequest: own(UserRequestById, ({ request_id }, user) =>
      Effect.sync(() => {
        const found = requests.of(user).find(({ id }) => id === request_id)
        return { user_request: found === undefined ? null : UserRequest.toJson(found) }
      })
    ),

    Transfers: own(Transfers, ({ transfer_spark_ids }, user) =>
      Effect.sync(() => ({
        transfers: requests
          .of(user)
          .filter(({ transferId = "" }) => transfer_spark_ids.includes(transferId))
          .map((request) => ({
            ...UserRequest.transferToJson(request),
            transfer_user_request: UserRequest.toJson(request)
          }))
      }))
    ),

    FetchCurrentUserToUserRequestsConnection: own(History, (given, user) =>
      Effect.sync(() => ({
        current_user: { user_requests: historyOf(requests.of(user), given) }
      }))
    )
  }

  return (operation: string, asked: Asked): Answer =>
    operations[operation]?.(asked) ?? Effect.fail(invalid(`${operation} is not served`))
}

const thirtyDays = 30 * 24 * 60 * 60

const maybe = <S extends Schema.Top>(schema: S) => Schema.optional(Schema.NullOr(schema))

const VerifyChallenge = Schema.Struct({
  protected_challenge: Schema.Uint8ArrayFromBase64,
  signature: Schema.Uint8ArrayFromBase64,
  identity_public_key: Identity
})

const RequestLightningReceive = Schema.Struct({
  amount_sats: Sat.Sat,
  payment_hash: Bolt11.PaymentHash,
  memo: maybe(Schema.String),
  expiry_secs: maybe(Schema.Int),
  receiver_identity_pubkey: maybe(Identity)
})

const RequestLightningSend = Schema.Struct({
  encoded_invoice: Schema.String,
  user_outbound_transfer_external_id: Schema.String
})

const RequestSwap = Schema.Struct({
  total_amount_sats: Sat.Sat,
  target_amount_sats: Schema.Array(Sat.Sat),
  user_outbound_transfer_external_id: Schema.String
})

const UserRequestById = Schema.Struct({ request_id: Schema.String })

const Transfers = Schema.Struct({ transfer_spark_ids: Schema.Array(Schema.String) })

const History = Schema.Struct({
  first: maybe(Schema.Int),
  after: maybe(Schema.String),
  types: maybe(Schema.Array(Schema.String))
})

/** Newest first; the cursor is how many come before. */
const historyOf = (
  all: ReadonlyArray<UserRequest.UserRequest>,
  { after, first, types }: typeof History.Type
) => {
  const wanted = all
    .filter((request) => !types?.length || types.includes(UserRequest.kindOf(request)))
    .toReversed()
  const start = Number(after ?? 0)
  const end = Math.min(start + (first ?? mostInAPage), wanted.length)
  return {
    __typename: "SparkWalletUserToUserRequestsConnection",
    spark_wallet_user_to_user_requests_connection_count: wanted.length,
    spark_wallet_user_to_user_requests_connection_page_info: {
      __typename: "PageInfo",
      page_info_has_next_page: end < wanted.length,
      page_info_has_previous_page: start > 0,
      page_info_start_cursor: String(start),
      page_info_end_cursor: String(end)
    },
    spark_wallet_user_to_user_requests_connection_entities: wanted
      .slice(start, end)
      .map(UserRequest.toJson)
  }
}

const mostInAPage = 100

const decode = <A>(schema: Schema.Decoder<A>, variables: unknown) =>
  Effect.mapError(Schema.decodeUnknownEffect(schema)(variables), ({ message }) => invalid(message))

const invalid = (message: string) => new Refused({ code: "INVALID_ARGUMENT", message })

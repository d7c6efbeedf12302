/**
 * The operators' authentication service, which the SDK keeps to itself: two calls by which a client
 * proves its identity (`spark_authn.proto`).
 */
import { bytes, int64, message, nested, string } from "./Protobuf.ts"

/** What the client signs, as these very bytes. */
export interface Challenge {
  readonly version: number
  /** Unix seconds. */
  readonly timestamp: number
  readonly nonce: Uint8Array
  readonly publicKey: Uint8Array
}

export interface ProtectedChallenge {
  readonly version: number
  readonly challenge: Challenge
  /** By which the operator knows its own challenge again. */
  readonly serverHmac: Uint8Array
}

export const Challenge = message<Challenge>({
  version: [1, int64],
  timestamp: [2, int64],
  nonce: [3, bytes],
  publicKey: [4, bytes]
})

export const ProtectedChallenge = message<ProtectedChallenge>({
  version: [1, int64],
  challenge: [2, nested(Challenge)],
  serverHmac: [3, bytes]
})

const GetChallengeRequest = message<{ readonly publicKey: Uint8Array }>({
  publicKey: [1, bytes]
})

const GetChallengeResponse = message<{ readonly protectedChallenge: ProtectedChallenge }>({
  protectedChallenge: [1, nested(ProtectedChallenge)]
})

export interface VerifyChallengeRequest {
  readonly protectedChallenge: ProtectedChallenge
  /** ECDSA over the challenge's sha256, in DER. */
  readonly signature: Uint8Array
  readonly publicKey: Uint8Array
}

const VerifyChallengeRequest = message<VerifyChallengeRequest>({
  protectedChallenge: [1, nested(ProtectedChallenge)],
  signature: [2, bytes],
  publicKey: [3, bytes]
})

const VerifyChallengeResponse = message<{
  readonly sessionToken: string
  /** Unix seconds. */
  readonly expirationTimestamp: number
}>({
  sessionToken: [1, string],
  expirationTimestamp: [2, int64]
})

export const definition = {
  name: "SparkAuthnService",
  fullName: "spark_authn.SparkAuthnService",
  methods: {
    get_challenge: {
      name: "get_challenge",
      requestType: GetChallengeRequest,
      requestStream: false,
      responseType: GetChallengeResponse,
      responseStream: false,
      options: {}
    },
    verify_challenge: {
      name: "verify_challenge",
      requestType: VerifyChallengeRequest,
      requestStream: false,
      responseType: VerifyChallengeResponse,
      responseStream: false,
      options: {}
    }
  }
} as const

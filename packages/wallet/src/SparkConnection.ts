/**
 * Where local Spark operators and their service provider are reached, for a wallet of a market on
 * one machine. The hosted networks need none: the SDK knows them.
 */
import { Schema } from "effect"

/** Everything that a local operator is told from others by. */
const Operator = Schema.Struct({
  id: Schema.Int,
  /** 32 bytes in hex. */
  identifier: Schema.String,
  /** `https://localhost:<port>`; its certificate is its own. */
  address: Schema.String,
  /** 33 bytes in hex. */
  identityPublicKey: Schema.String
})

export const SparkConnection = Schema.Struct({
  operators: Schema.Array(Operator),
  /** The identifier of the operator that coordinates. */
  coordinator: Schema.String,
  threshold: Schema.Int,
  serviceProvider: Schema.Struct({
    /** `http://127.0.0.1:<port>` */
    url: Schema.String,
    /** 33 bytes in hex. */
    identityPublicKey: Schema.String
  })
})
export interface SparkConnection extends Schema.Schema.Type<typeof SparkConnection> {}

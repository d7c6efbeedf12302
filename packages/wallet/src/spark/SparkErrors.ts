/** What the wallet says where Spark, or its own book, fails it. */
import { Effect } from "effect"
import type { SqlError } from "effect/sql"
import {
  Unsupported,
  WalletAnswerInvalid,
  WalletError,
  WalletRefused,
  WalletUnreachable
} from "../Wallet.ts"
import type { SdkFailure } from "./SdkFailure.ts"

/** What Spark answers. */
export const told = <A, R>(answer: Effect.Effect<A, SdkFailure, R>) =>
  Effect.mapError(answer, ({ kind, message }) =>
    kind === "unreachable" ? unreachable(message) : refused("OTHER", message)
  )

/** What the book says. */
export const recorded = <A, R>(statement: Effect.Effect<A, SqlError.SqlError, R>) =>
  Effect.mapError(statement, () => unreachable("The wallet's own book cannot be used"))

/** With NIP-47's words, so that callers meet the same ones in every wallet. */
export const refused = (code: "NOT_FOUND" | "OTHER", message: string) =>
  new WalletError({ reason: new WalletRefused({ code, message }) })

export const invalid = (message: string) =>
  new WalletError({ reason: new WalletAnswerInvalid({ message }) })

export const unsupported = (message: string) =>
  new WalletError({ reason: new Unsupported({ message }) })

const unreachable = (message: string) =>
  new WalletError({ reason: new WalletUnreachable({ message }) })

/** Orders for a ledger without a wallet. */
import { Bolt11 } from "@farthing/protocol"
import type { Msat } from "@farthing/protocol"
import { Wallet } from "@farthing/wallet"
import { DateTime, Duration, Layer, Option } from "effect"
import { createHash } from "node:crypto"
import type * as Limits from "../src/Limits.ts"
import { PurchaseId, TickId } from "../src/Spend.ts"
import type { Proof } from "../src/Proof.ts"
import type * as Reservation from "../src/Reservation.ts"
import * as SpendLedger from "../src/SpendLedger.ts"
import { migrate } from "../src/SpendTables.ts"
import { database, open, payee, sats } from "./Fixture.ts"

export const migrated = Layer.effectDiscard(migrate).pipe(Layer.provideMerge(database))

export const walletId = Wallet.WalletId.make("wallet")

export const ledgerOf = (owner: string, lease: Duration.Duration = Duration.seconds(30)) =>
  SpendLedger.make({
    budget: "regtest/main",
    owner,
    lease,
    timeout: Duration.seconds(60),
    wallet: walletId
  })

export const preimageOf = (name: string): Bolt11.Preimage =>
  Bolt11.Preimage.make(createHash("sha256").update(name).digest("hex"))

export const invoiceOf = (name: string, expiresAt = 1_000_000_000): Bolt11.Invoice => ({
  bolt11: `lnbcrt ${name}`,
  network: "regtest",
  amount: Option.some(sats(100)),
  createdAt: 0,
  expiresAt,
  paymentHash: Bolt11.hashOf(preimageOf(name)),
  paymentSecret: "",
  payee: "",
  description: Option.none(),
  descriptionHash: Option.none(),
  minFinalCltvDelta: 18
})

export const order = (
  name: string,
  rest: Partial<Reservation.Order> & { readonly expiresAt?: number } = {}
): Reservation.Order => ({
  purchase: PurchaseId.make(name),
  tick: TickId.make("tick"),
  payee: payee(1),
  approved: false,
  amount: sats(100),
  allowedFee: sats(10),
  isLock: false,
  request: invoiceOf(name, rest.expiresAt),
  ...rest
})

export const rules = (limits: Partial<Limits.Limits> = {}): Reservation.Rules => ({
  limits: { ...open, ...limits },
  zone: DateTime.zoneMakeNamedUnsafe("UTC"),
  funds: undefined
})

export const proofOf = (name: string, fee: Msat.Msat | undefined): Proof => ({
  preimage: preimageOf(name),
  fee
})

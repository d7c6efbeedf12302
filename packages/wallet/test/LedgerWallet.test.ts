import { describe, it } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import { Bank, BankBook, LedgerWallet, Payer, Wallet } from "@farthing/wallet"
import * as MovableClock from "@farthing/wallet/testing/MovableClock"
import * as WalletContract from "@farthing/wallet/testing/WalletContract"
import { Context, Effect, Layer } from "effect"

const funds = Msat.make(1_000_000)

const book = BankBook.layer({
  network: "regtest",
  fees: { base: Msat.make(1_000), ppm: 5_000 }
}).pipe(Layer.provide(Sqlite.layer({ filename: ":memory:" })))

const party = (account: string, balance: Msat.Msat) =>
  Effect.gen(function* () {
    const bank = yield* Bank.Bank
    const context = yield* LedgerWallet.make({ account })
    if (balance > 0) yield* bank.deposit(account, balance)
    return {
      wallet: Context.get(context, Wallet.Wallet),
      payer: Context.get(context, Payer.Payer)
    } satisfies WalletContract.Party
  })

const world = Effect.fnUntraced(function* (later: MovableClock.Later) {
  const bank = yield* Bank.Bank
  return {
    alice: yield* party("alice", funds),
    bob: yield* party("bob", Msat.zero),
    carol: yield* party("carol", funds),
    funds,
    network: "regtest",
    feeFor: bank.feeFor,
    later,
    reopen: (account) => party(account, Msat.zero).pipe(Effect.provideService(Bank.Bank, bank))
  } satisfies WalletContract.World
})

describe("LedgerWallet", () => {
  for (const { check, promise } of WalletContract.facts) {
    it.live(promise, () =>
      MovableClock.within((later) => Effect.flatMap(world(later), check).pipe(Effect.provide(book)))
    )
  }
})

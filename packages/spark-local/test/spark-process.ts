/** Opens a wallet, asks it something, closes it, and does nothing to end. */
import { Msat } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import { SparkConnection, SparkWallet, Wallet } from "@farthing/wallet"
import { Effect, Layer, Redacted, Schema } from "effect"

const [, , connection = "", silence = ""] = process.argv

const tell = (what: string) =>
  Effect.sync(() => {
    process.stdout.write(`${what}\n`)
  })

const asking = Effect.gen(function* () {
  const wallet = yield* Wallet.Wallet
  yield* tell("opened")
  // The test makes them silent when it reads that.
  yield* Effect.sleep(silence === "" ? 0 : "500 millis")
  const question = wallet.makeInvoice({
    amount: Msat.make(1_000),
    description: "",
    expiry: "1 hour"
  })
  yield* Effect.ignore(Effect.andThen(wallet.balance, question))
  yield* tell("asked")
})

const program = Effect.gen(function* () {
  const local = yield* Schema.decodeEffect(Schema.fromJsonString(SparkConnection.SparkConnection))(
    connection
  )
  const layer = SparkWallet.layer({
    mnemonic: Redacted.make(process.env.WALLET_MNEMONIC ?? ""),
    account: 0,
    network: "regtest",
    local,
    answerTimeout: "1 second"
  }).pipe(Layer.provide(Sqlite.layer({ filename: ":memory:" })))
  yield* Effect.provide(asking, layer)
  yield* tell("closed")
})

await Effect.runPromise(program)

import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Option, Redacted } from "effect"
import * as Config from "../src/Config.ts"
import * as Home from "../src/Home.ts"
import { load, mnemonic, refusal } from "./TestConfig.ts"
import * as TestHome from "./TestHome.ts"

const connection = {
  operators: [
    {
      id: 0,
      identifier: "00".repeat(31) + "01",
      address: "https://localhost:8535",
      identityPublicKey: "02".repeat(33)
    }
  ],
  coordinator: "00".repeat(31) + "01",
  threshold: 1,
  serviceProvider: { url: "http://127.0.0.1:5000", identityPublicKey: "03".repeat(33) }
}

/** The configuration of a home with these files, of which the secret ones are the owner's alone. */
const withFiles = (toml: string, files: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    const fileSystem = yield* FileSystem.FileSystem
    const home = yield* Home.Home
    yield* fileSystem.writeFileString(home.config, toml)
    for (const [name, text] of Object.entries(files))
      yield* fileSystem.writeFileString(`${home.path}/${name}`, text, { mode: 0o600 })
    return yield* Config.load()
  }).pipe(Effect.provide(TestHome.layer), TestHome.withEnvironment({}))

const spark = '[wallet]\nkind = "spark"\n'

describe("A Spark wallet", () => {
  it.effect("has words of its own, with one blank between them, and the first account", () =>
    Effect.gen(function* () {
      const { wallet } = yield* withFiles(`${spark}mnemonic_file = "words"`, {
        words: ` ${mnemonic.replaceAll(" ", " \n ").toUpperCase()}\n`
      })
      assert.strictEqual(wallet.kind, "spark")
      assert.strictEqual(wallet.account, 0)
      assert.strictEqual(Redacted.value(Option.getOrThrow(wallet.mnemonic)), mnemonic)
      assert.notInclude(JSON.stringify(wallet), "leader")
    })
  )

  it.effect("whose words are none is refused without showing them", () =>
    Effect.gen(function* () {
      for (const words of ["leader monkey parrot", mnemonic.replace("bean", "leader")]) {
        const error = yield* Effect.flip(withFiles(`${spark}mnemonic_file = "words"`, { words }))
        assert.include(error.message, "expected 12 to 24 English words of BIP-39")
        assert.notInclude(error.message, "parrot")
      }
    })
  )

  it.effect("is told of networks that Spark does not know", () =>
    Effect.gen(function* () {
      for (const network of ["testnet", "signet"])
        assert.include(
          yield* refusal(`network = "${network}"\n${spark}`),
          `network is ${network}; expected mainnet or regtest`
        )
      yield* load(`network = "mainnet"\n${spark}`)
    })
  )

  it.effect("has an account that exists", () =>
    Effect.gen(function* () {
      for (const account of ["-1", "0.5", "2147483648"])
        assert.include(
          yield* refusal(`${spark}account = ${account}`),
          "expected a whole number from 0 to 2,147,483,647"
        )
    })
  )

  it.effect("finds the operators of a market on this machine in a file", () =>
    Effect.gen(function* () {
      const { wallet } = yield* withFiles(`${spark}spark_connection = "spark.json"`, {
        "spark.json": JSON.stringify(connection)
      })
      assert.deepStrictEqual(wallet.sparkConnection, Option.some(connection))
    })
  )

  it.effect("is told of a file that does not say where operators are", () =>
    Effect.gen(function* () {
      const toml = `${spark}spark_connection = "spark.json"`
      assert.include(yield* refusal(toml), "cannot be read (NotFound)")
      const error = yield* Effect.flip(withFiles(toml, { "spark.json": '{"operators":[]}' }))
      assert.include(error.message, "farthing dev --wallet spark")
    })
  )

  it.effect("uses operators of one's own on regtest alone", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        withFiles(`network = "mainnet"\n${spark}spark_connection = "spark.json"`, {
          "spark.json": JSON.stringify(connection)
        })
      )
      assert.include(error.message, "network is mainnet; expected regtest")
    })
  )
})

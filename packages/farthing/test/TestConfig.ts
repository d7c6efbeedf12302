/** The configuration of a home that is gone when the test is over. */
import { Msat } from "@farthing/protocol"
import { Effect, FileSystem } from "effect"
import * as Config from "../src/Config.ts"
import * as Home from "../src/Home.ts"
import * as TestHome from "./TestHome.ts"

export const sats = (amount: number) => Msat.make(amount * 1000)

export const secret = "71a8c14c1407c113601079c4302dab36460f0ccd0ad506f1f2dc73b5100e4f3c"
export const wallet = "b889ff5b1513b641e2a139f661a661364979c5beee91842f8f0ef42ab558e9d4"
export const nwcUri = `nostr+walletconnect://${wallet}?relay=ws%3A%2F%2F127.0.0.1%3A7777&secret=${secret}`

/** Of NIP-06. */
export const mnemonic =
  "leader monkey parrot ring guide accident before fence cannon height naive bean"

/** The configuration of a home whose farthing.toml has this text. */
export const load = (
  toml: string | undefined,
  environment: Readonly<Record<string, string>> = {}
) =>
  Effect.gen(function* () {
    const fileSystem = yield* FileSystem.FileSystem
    const home = yield* Home.Home
    if (toml !== undefined) yield* fileSystem.writeFileString(home.config, toml)
    return yield* Config.load()
  }).pipe(Effect.provide(TestHome.layer), TestHome.withEnvironment(environment))

/** What is said of a configuration that is refused, with the folder of the test cut away. */
export const refusal = (
  toml: string | undefined,
  environment: Readonly<Record<string, string>> = {}
) =>
  Effect.map(Effect.flip(load(toml, environment)), (error) => {
    if (error._tag !== "ConfigInvalid") throw error
    return error.message.replaceAll(/\/\S*\/farthing.toml/g, "farthing.toml")
  })

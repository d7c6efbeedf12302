/** The wallet of somebody who has one already: a connection over Nostr Wallet Connect. */
import { NwcUri } from "@farthing/protocol"
import { Effect, FileSystem, Path, Redacted } from "effect"
import { Prompt } from "effect/cli"
import { Environment, Home, SecretFile } from "farthing"
import { isPerson } from "../../Person.ts"

const file = "wallet.nwc"

/** The secret file with it, or why there is none; asks a person who has it in no variable. */
export const prepare = Effect.gen(function* () {
  const environment = yield* Environment.Environment
  if (environment["FARTHING_WALLET_NWC_URI"] !== undefined)
    return { nwcUriFile: undefined, note: undefined }
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const home = yield* Home.Home
  const place = path.join(home.path, file)
  const isThere = (yield* fs.exists(place)) || ((yield* isPerson) && (yield* ask(place)))
  return isThere
    ? { nwcUriFile: file, note: undefined }
    : {
        nwcUriFile: undefined,
        note: `no wallet yet: put its connection URI into FARTHING_WALLET_NWC_URI, or into ${place} (mode 0600) and name that file in wallet.nwc_uri_file`
      }
})

const ask = Effect.fnUntraced(function* (place: string) {
  const uri = yield* Prompt.Hidden({
    message: "Your wallet's connection (nostr+walletconnect://…; empty: later)",
    validate: (text) =>
      text.trim() === ""
        ? Effect.succeed("")
        : Effect.fromResult(NwcUri.parse(Redacted.make(text.trim()))).pipe(
            Effect.as(text.trim()),
            Effect.mapError((error) => error.message)
          )
  })
  return Redacted.value(uri) !== "" && (yield* SecretFile.create(place, uri, "init"))
})

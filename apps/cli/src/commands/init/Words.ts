/**
 * The words of a Spark wallet. Where there is no identity yet they are its words too; an identity
 * that is there stays, and the words are the wallet's alone.
 */
import { Effect, FileSystem, Option, Path, Redacted, Stdio, Stream } from "effect"
import { Prompt } from "effect/cli"
import { Environment, Home, Mnemonic, SecretFile } from "farthing"
import { Output } from "../../Output.ts"
import { isPerson } from "../../Person.ts"
import { UsageError } from "../../UsageError.ts"
import * as WrittenDown from "../../WrittenDown.ts"

export interface Options {
  /** The words are there already, on paper. */
  readonly restore: boolean
}

/** What the configuration says of the words, and what a person has to know. */
interface Prepared {
  readonly identityMnemonicFile?: string
  readonly walletMnemonicFile?: string
  /** Where they stand: a file, or a variable. */
  readonly source: string
  readonly note?: string
}

const identityFile = "identity.mnemonic"
const walletFile = "wallet.mnemonic"

const variables = ["FARTHING_WALLET_MNEMONIC", "FARTHING_IDENTITY_MNEMONIC"]

/** The words that are there; else those that are given, or new ones. */
export const prepare = Effect.fnUntraced(function* (options: Options) {
  const found = yield* find
  if (options.restore && Option.isSome(found))
    return yield* new UsageError({
      message: `there are words already, in ${found.value.source}: take them away first, if others shall count`
    })
  return Option.isSome(found) ? found.value : yield* bring(options)
})

const find = Effect.gen(function* () {
  const environment = yield* Environment.Environment
  const variable = variables.find((name) => environment[name] !== undefined)
  if (variable !== undefined) return Option.some<Prepared>({ source: variable })
  const wallet = yield* secretAt(walletFile)
  const identity = yield* secretAt(identityFile)
  return wallet.isThere || identity.isThere
    ? Option.some<Prepared>({
        ...(identity.isThere ? { identityMnemonicFile: identityFile } : {}),
        ...(wallet.isThere ? { walletMnemonicFile: walletFile } : {}),
        source: wallet.isThere ? wallet.place : identity.place
      })
    : Option.none()
})

/** What the configuration says of an identity that is made of words, whatever the wallet is. */
export const ofIdentity = Effect.map(
  Effect.suspend(() => secretAt(identityFile)),
  ({ isThere }): Pick<Prepared, "identityMnemonicFile"> =>
    isThere ? { identityMnemonicFile: identityFile } : {}
)

const secretAt = Effect.fnUntraced(function* (name: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const place = path.join((yield* Home.Home).path, name)
  return { place, isThere: yield* fs.exists(place) }
})

/** Given or new, checked, and kept in a file of the owner's alone. */
const bring = Effect.fnUntraced(function* ({ restore }: Options) {
  const hasIdentity = yield* identityIsThere
  const words = restore
    ? yield* given
    : yield* makeNew(hasIdentity ? "your money" : "your money, and your name on Nostr")
  const file = hasIdentity ? walletFile : identityFile
  const { place } = yield* secretAt(file)
  if (!(yield* SecretFile.create(place, words, "init")))
    return yield* new UsageError({ message: `${place} has just been made by another process` })
  const prepared: Prepared = {
    ...(hasIdentity ? { walletMnemonicFile: file } : { identityMnemonicFile: file }),
    source: place,
    ...(restore || (yield* isPerson) ? {} : { note: unchecked(place) })
  }
  return prepared
})

const unchecked = (place: string): string =>
  `nobody has checked that the words are written down: they stand in ${place} alone, and whoever loses them loses the money`

const makeNew = Effect.fnUntraced(function* (meaning: string) {
  const output = yield* Output
  const words = yield* Mnemonic.generate
  if (yield* isPerson)
    yield* Effect.tapError(WrittenDown.check(words, meaning), () =>
      output.note("interrupted: nothing was written, and these words are good for nothing.")
    )
  return words
})

/** An identity that is not made of words. */
const identityIsThere = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const environment = yield* Environment.Environment
  const home = yield* Home.Home
  return environment["FARTHING_IDENTITY_NSEC"] !== undefined || (yield* fs.exists(home.identity))
})

/** No words are longer, in bytes. */
const longest = 4_096

/** Typed by a person, or piped by a program. */
const given = Effect.gen(function* () {
  if (yield* isPerson)
    return yield* Effect.flatMap(
      Prompt.Hidden({
        message: "Your words, in their order",
        validate: (text) =>
          Mnemonic.parse(Redacted.make(text)).pipe(
            Effect.as(text),
            Effect.mapError(({ message }) => message)
          )
      }),
      Mnemonic.parse
    )
  const stdio = yield* Stdio.Stdio
  const text = yield* stdio.stdin.pipe(
    Stream.decodeText(),
    Stream.mkString,
    Effect.map((text) => Redacted.make(text.slice(0, longest))),
    Effect.mapError(({ message }) => new UsageError({ message: `stdin: ${message}` }))
  )
  return yield* Effect.mapError(
    Mnemonic.parse(text),
    ({ message }) => new UsageError({ message: `stdin has ${message}` })
  )
})

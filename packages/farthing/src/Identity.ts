/**
 * The agent's Nostr key: from the environment, else from the file that the configuration names,
 * else from `identity.nsec` in the home, which is made if it is not there.
 */
import { Key } from "@farthing/protocol"
import type { Redacted } from "effect"
import { Context, Effect, FileSystem, Layer, Option, Schema } from "effect"
import { Config } from "./Config.ts"
import { Home, HomeUnavailable } from "./Home.ts"
import * as Mnemonic from "./Mnemonic.ts"
import * as SecretFile from "./SecretFile.ts"

export interface Shape {
  readonly secretKey: Key.SecretKey
  readonly publicKey: Key.PublicKey
  /** The variable or the file that holds the key. */
  readonly source: string
  /** Whether this call made it. */
  readonly created: boolean
}

export class Identity extends Context.Service<Identity, Shape>()("farthing/Identity") {}

/** The key that there is; none if there is none yet. Makes nothing. */
export const find = Effect.gen(function* () {
  const home = yield* Home
  const origin = yield* findOrigin
  return yield* load(origin).pipe(
    Effect.asSome,
    Effect.catchIf(
      (error) =>
        error._tag === "SecretFileRefused" &&
        error.reason === "missing" &&
        origin.source === home.identity,
      () => Effect.succeedNone
    ),
    Effect.mapError((error) =>
      error._tag === "SecretFileRefused"
        ? new IdentityInvalid({ source: origin.source, message: error.message })
        : error
    )
  )
})

/** The key that there is, else a new one; of many who make one at once all end with the same. */
export const loadOrCreate = Effect.gen(function* () {
  const found = yield* find
  if (Option.isSome(found)) return found.value
  const home = yield* Home
  const secretKey = Key.generate()
  const publicKey = Key.publicKeyOf(secretKey)
  const created = yield* SecretFile.create(
    home.identity,
    Key.formatSecret(secretKey),
    publicKey.slice(0, 16)
  ).pipe(
    Effect.mapError((error) => new HomeUnavailable({ path: home.path, cause: error.reason._tag }))
  )
  if (created) return Identity.of({ secretKey, publicKey, source: home.identity, created })
  return yield* Effect.flatMap(find, Effect.fromOption).pipe(
    Effect.catchTag("NoSuchElementError", () =>
      Effect.fail(new HomeUnavailable({ path: home.path, cause: "NotFound" }))
    )
  )
})

/** The words that the key follows from; none if it follows from none. */
export const findMnemonic = Effect.gen(function* () {
  const { form, secret, source } = yield* findOrigin
  if (form !== "mnemonic") return Option.none()
  return yield* Effect.flatMap(secret, Mnemonic.parse).pipe(
    Effect.asSome,
    Effect.mapError(({ message }) => new IdentityInvalid({ source, message }))
  )
})

export const layer: Layer.Layer<
  Identity,
  IdentityInvalid | HomeUnavailable,
  Config | Home | FileSystem.FileSystem
> = Layer.effect(Identity, loadOrCreate)

/** The home as its provider sees it. */
const shop = Layer.effect(
  Home,
  Effect.map(Home, (home) => Home.of({ ...home, identity: home.providerIdentity }))
)

/** The last that there is: agents are given accounts from 1 on. */
const providerAccount = 2 ** 31 - 1

/** Of the words that `init` made: the customer's account, or the provider's (NIP-06). */
const accountOf = (home: Home["Service"], source: string): number =>
  source === home.mnemonic && home.identity === home.providerIdentity ? providerAccount : 0

/** The same, but a key that nobody chose to be both is the provider's own. */
export const layerProvider = layer.pipe(Layer.provide(shop))

/** The key under which this home sells; none if it never did. Makes nothing. */
export const findProvider = find.pipe(Effect.provide(shop))

/** There is something in the place of a key that cannot be used. Never shows the secret. */
export class IdentityInvalid extends Schema.TaggedError<IdentityInvalid>()("IdentityInvalid", {
  /** The variables, keys or the file where the fault is. */
  source: Schema.String,
  /** What is wrong and what to do. */
  message: Schema.String
}) {}

/** Where a key stands, and how it is written there. */
interface Origin {
  readonly source: string
  readonly form: "nsec" | "mnemonic"
  readonly secret: Effect.Effect<
    Redacted.Redacted<string>,
    SecretFile.SecretFileRefused,
    FileSystem.FileSystem
  >
}

const findOrigin = Effect.gen(function* () {
  const { identity } = yield* Config
  const home = yield* Home
  const variable =
    (form: Origin["form"], source: string) =>
    (secret: Redacted.Redacted<string>): Origin => ({
      form,
      source,
      secret: Effect.succeed(secret)
    })
  const file =
    (form: Origin["form"]) =>
    (source: string): Origin => ({ form, source, secret: SecretFile.read(source) })

  const variables = [
    ...Option.toArray(Option.map(identity.nsec, variable("nsec", "FARTHING_IDENTITY_NSEC"))),
    ...Option.toArray(
      Option.map(identity.mnemonic, variable("mnemonic", "FARTHING_IDENTITY_MNEMONIC"))
    )
  ]
  const files = [
    ...Option.toArray(Option.map(identity.nsecFile, file("nsec"))),
    ...Option.toArray(Option.map(identity.mnemonicFile, file("mnemonic")))
  ]
  const candidates = variables.length > 0 ? variables : files
  const [origin = file("nsec")(home.identity), rival] = candidates
  if (rival === undefined) return origin
  const source = `${origin.source} and ${rival.source}`
  return yield* new IdentityInvalid({
    source,
    message: `There are two identities, ${source}, and only one can count. Take one of them away.`
  })
})

const load = Effect.fnUntraced(function* ({ form, secret, source }: Origin) {
  const account = accountOf(yield* Home, source)
  const text = yield* secret
  const parsed =
    form === "nsec" ? Effect.fromResult(Key.parseSecret(text)) : Key.fromMnemonic(text, account)
  const secretKey = yield* Effect.mapError(
    parsed,
    (invalid) =>
      new IdentityInvalid({
        source,
        message: `The identity of ${source} cannot be used: ${invalid.message}. Put the right one there, or take it away to get a new identity.`
      })
  )
  return Identity.of({ secretKey, publicKey: Key.publicKeyOf(secretKey), source, created: false })
})

/**
 * The keys of agents. Those that follow from the identity's words are remembered by their account,
 * the public ones: to derive thousands of them anew at each start would take a minute.
 */
import { AgentBook } from "@farthing/agent"
import { Key, NwcUri } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import { Effect, type FileSystem, type Redacted, Result, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { Config } from "../Config.ts"
import type { AgentSettings, SecretSource } from "../config/AgentSettings.ts"
import type { Home } from "../Home.ts"
import * as Identity from "../Identity.ts"
import * as SecretFile from "../SecretFile.ts"

/** Something of one agent's configuration cannot be used; nobody else is touched by that. */
export class AgentInvalid extends Schema.TaggedError<AgentInvalid>()("AgentInvalid", {
  /** What it is called in the configuration. */
  name: Schema.String,
  /** What is wrong and what to do. */
  message: Schema.String
}) {}

/** The words of which an agent has an account. */
const words = Identity.findMnemonic.pipe(
  Effect.flatMap(Effect.fromOption),
  Effect.mapError((error) =>
    error._tag === "NoSuchElementError"
      ? "Its key follows from the identity's words, and the identity has none. Set identity.mnemonic_file or FARTHING_IDENTITY_MNEMONIC, or give the agent an nsec_file."
      : error.message
  )
)

const secretIn = (source: SecretSource) =>
  source._tag === "Given"
    ? Effect.succeed(source.secret)
    : Effect.mapError(SecretFile.read(source.path), ({ message }) => message)

/** Says whom it befell. */
const named = <A, R>({ name }: AgentSettings, effect: Effect.Effect<A, string, R>) =>
  Effect.mapError(
    effect,
    (why) => new AgentInvalid({ name, message: `Agent ${name} cannot live. ${why}` })
  )

const ofNsec = (source: SecretSource) =>
  Effect.flatMap(secretIn(source), (text) =>
    Effect.mapError(
      Effect.fromResult(Key.parseSecret(text)),
      ({ message }) => `Its key is ${message}.`
    )
  )

const ofAccount = (mnemonic: Redacted.Redacted<string>, account: number) =>
  Effect.mapError(Key.fromMnemonic(mnemonic, account), ({ message }) => `Its key is ${message}.`)

/** Reads or derives it. */
export const secretKey = (settings: AgentSettings) => {
  const { key } = settings
  return named(
    settings,
    key._tag === "Nsec"
      ? ofNsec(key.nsec)
      : Effect.flatMap(words, (mnemonic) => ofAccount(mnemonic, key.account))
  )
}

/** The connection of a wallet of its own. */
export const nwcUri = (settings: AgentSettings, source: SecretSource) =>
  named(
    settings,
    Effect.flatMap(secretIn(source), (text) =>
      Effect.mapError(
        Effect.fromResult(NwcUri.parse(text)),
        ({ message }) => `Its wallet cannot be used: ${message}.`
      )
    )
  )

const migrate = Sqlite.migrate("agent_key_migrations", {
  "1_keys": Sqlite.run([
    `CREATE TABLE agent_key (
       root TEXT NOT NULL,
       account BIGINT NOT NULL,
       id TEXT NOT NULL,
       PRIMARY KEY (root, account)
     )`
  ])
})

const Row = Schema.Struct({ account: Schema.Int, id: Key.PublicKey })
const decode = Schema.decodeUnknownEffect(Schema.Array(Row))

/** Who an agent is, or why nobody knows. */
export type Found = Result.Result<Key.PublicKey, AgentInvalid>

/** Finds public keys, in the order of the agents. */
export const make = Effect.gen(function* () {
  yield* migrate
  const sql = yield* SqlClient.SqlClient

  /** By account. The key of account 0 says which words they are of. */
  const ofAccounts = Effect.fnUntraced(function* (
    mnemonic: Redacted.Redacted<string>,
    accounts: ReadonlyArray<number>
  ) {
    const publicKey = (account: number) => Effect.map(ofAccount(mnemonic, account), Key.publicKeyOf)
    const root = yield* publicKey(0)
    const rows = yield* Effect.flatMap(
      sql`SELECT account, id FROM agent_key WHERE root = ${root}`,
      decode
    )
    const known = new Map(rows.map(({ account, id }) => [account, id]))
    const fresh = yield* Effect.forEach(
      accounts.filter((account) => !known.has(account)),
      (account) => Effect.map(publicKey(account), (id) => ({ root, account, id }))
    )
    yield* Effect.forEach(
      fresh,
      (row) => sql`INSERT INTO agent_key ${sql.insert(row)} ON CONFLICT DO NOTHING`,
      { discard: true }
    ).pipe(sql.withTransaction)
    for (const { account, id } of fresh) known.set(account, id)
    return known as ReadonlyMap<number, Key.PublicKey>
  })

  const context = yield* Effect.context<Home | Config | FileSystem.FileSystem>()

  return Effect.fnUntraced(function* (agents: ReadonlyArray<AgentSettings>) {
    const accounts = agents.flatMap(({ key }) => (key._tag === "Account" ? [key.account] : []))
    const mnemonic = accounts.length === 0 ? Result.fail("") : yield* Effect.result(words)
    const known = Result.isSuccess(mnemonic)
      ? yield* Effect.mapError(
          ofAccounts(mnemonic.success, accounts),
          (error) =>
            new AgentBook.BookUnavailable({
              message: `The keys of agents cannot be looked up: ${typeof error === "string" ? error : error.message}`
            })
        )
      : undefined

    const find = (settings: AgentSettings) => {
      const { key } = settings
      if (key._tag === "Nsec") return Effect.map(secretKey(settings), Key.publicKeyOf)
      const id = known?.get(key.account)
      return id === undefined
        ? Effect.map(secretKey(settings), Key.publicKeyOf)
        : Effect.succeed(id)
    }
    return yield* Effect.forEach(agents, (settings) => Effect.result(find(settings)))
  }, Effect.provideContext(context))
})

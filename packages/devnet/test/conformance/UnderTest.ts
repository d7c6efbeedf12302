/**
 * The relay that is held to the NIPs: the one whose address the environment gives as `RELAY_URL`,
 * else one of our own. Everybody here is new and everything is salted, so that a relay that others
 * use will do, unless they write more at the same time than it answers at once.
 */
import { assert } from "@effect/vitest"
import { RelayServer } from "@farthing/devnet"
import { Key, NostrEvent } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Config, Effect, Option } from "effect"
import { randomBytes } from "node:crypto"
import type { RawClient } from "../RawClient.ts"
import { connect } from "../RawClient.ts"

export const relay = (options?: RelayServer.Options) =>
  Effect.gen(function* () {
    const given = yield* Config.option(Config.String("RELAY_URL"))
    return Option.isSome(given) ? given.value : (yield* RelayServer.make(options)).url
  })

export const client = (options?: RelayServer.Options) => Effect.flatMap(relay(options), connect)

export const salt = (): string => randomBytes(32).toString("hex")

/** A kind of regular events that hardly anybody uses. */
export const rareKind = 7_331

export interface Person {
  readonly key: Key.SecretKey
  readonly pubkey: Key.PublicKey
  /** Signs; of now, unless the template says otherwise. */
  readonly event: (template?: Partial<NostrEvent.Template>) => Effect.Effect<NostrEvent.NostrEvent>
}

export const person = (): Person => {
  const key = Key.generate()
  return {
    key,
    pubkey: Key.publicKeyOf(key),
    event: (template) =>
      Effect.map(UnixTime.now, (created_at) =>
        NostrEvent.sign({ kind: rareKind, created_at, tags: [], content: salt(), ...template }, key)
      )
  }
}

/** Publishes all without waiting in between; each is taken. */
export const accepts = (client: RawClient, ...events: ReadonlyArray<NostrEvent.NostrEvent>) =>
  Effect.gen(function* () {
    for (const event of events) client.send("EVENT", event)
    const unanswered = new Set<unknown>(events.map(({ id }) => id))
    while (unanswered.size > 0) {
      const [type, id, accepted, reason] = yield* client.next
      if (type === "OK" && unanswered.delete(id)) assert.isTrue(accepted, `${id}: ${reason}`)
    }
  })

/** Refused, for a reason that machines can read: a word and a colon (NIP-01). */
export const refuses = (client: RawClient, event: NostrEvent.NostrEvent, word?: string) =>
  Effect.map(client.publish(event), ([, , accepted, reason]) => {
    assert.isFalse(accepted, JSON.stringify(event))
    assert.match(String(reason), word === undefined ? /^[a-z-]+: ./ : new RegExp(`^${word}: .`))
  })

/** What is stored for the filter is this, in this order. */
export const finds = (
  client: RawClient,
  filter: object,
  events: ReadonlyArray<NostrEvent.NostrEvent>
) =>
  Effect.map(client.query(filter), (found) =>
    assert.deepEqual(
      found.map(({ id }) => id),
      events.map(({ id }) => id),
      JSON.stringify(filter)
    )
  )

/** NIP-01: newest first, then the lower id. */
export const inOrder = (events: ReadonlyArray<NostrEvent.NostrEvent>) =>
  events.toSorted((a, b) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1))

/** Two events of one second, the one with the lower id first. */
export const twins = (author: Person, template: Partial<NostrEvent.Template>) =>
  Effect.map(
    Effect.all([author.event(template), author.event(template)]),
    ([one, two]): readonly [low: NostrEvent.NostrEvent, high: NostrEvent.NostrEvent] =>
      one.id < two.id ? [one, two] : [two, one]
  )

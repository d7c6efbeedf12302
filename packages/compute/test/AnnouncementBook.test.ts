import { assert, describe, it } from "@effect/vitest"
import { AgentMessage, Announcement, Key, Msat, NostrEvent } from "@farthing/protocol"
import { Option } from "effect"
import { randomBytes } from "node:crypto"
import * as AnnouncementBook from "../src/AnnouncementBook.ts"

const now = 1_000_000

/** The book takes what was verified before: no id or signature has to be right here. */
const word = (
  pubkey: Key.PublicKey,
  about: string,
  change: { readonly at?: number; readonly online?: boolean } = {}
): NostrEvent.NostrEvent => {
  const template = Announcement.toTemplate(
    {
      identifier: "offer",
      name: "stranger",
      about,
      picture: Option.none(),
      lud16: Option.none(),
      channel: NostrEvent.EventId.make("c".repeat(64)),
      relays: [],
      network: Option.some("regtest"),
      price: Option.some(Msat.make(1000)),
      models: [],
      modelPrices: {},
      kinds: [AgentMessage.textGeneration],
      capabilities: [],
      settlements: ["upfront"],
      tagsAnswers: true,
      online: change.online ?? true,
      expiresAt: Option.some(now + 1800)
    },
    change.at ?? now
  )
  const id = NostrEvent.EventId.make(randomBytes(32).toString("hex"))
  return { ...template, pubkey, id, sig: NostrEvent.Signature.make("0".repeat(128)) }
}

const stranger = (n: number) => Key.PublicKey.make(n.toString(16).padStart(64, "0"))

/** The text stands there twice: these are 60,000 characters. */
const heavy = "x".repeat(30_000)

describe("the book of announcements", () => {
  const open = (proven: ReadonlyArray<Key.PublicKey> = []) =>
    AnnouncementBook.make({ network: "regtest", capacity: 10_000, proven: new Set(proven) })

  it("is bounded in what strangers make it remember, however often they speak", () => {
    const book = open()
    for (let n = 1; n <= 600; n++) book.add(word(stranger(n), ""), now)
    for (let n = 1; n <= 600; n++) book.add(word(stranger(n), heavy, { at: now + 1 }), now)
    const weight = book
      .open(now)
      .reduce((sum, { announcement }) => sum + announcement.event.content.length, 0)
    assert.isAtMost(weight, 32 * 1024 * 1024)
    assert.isAtLeast(weight, 31 * 1024 * 1024)
  })

  it("hears the proven, and whoever leaves, when strangers have filled it", () => {
    const proven = stranger(9_999)
    const book = open([proven])
    for (let n = 1; n <= 600; n++) book.add(word(stranger(n), heavy), now)
    const full = book.open(now).length
    assert.isBelow(full, 600)
    assert.isTrue(Option.isSome(book.add(word(proven, heavy), now)))
    book.add(word(stranger(1), heavy, { at: now + 1, online: false }), now)
    assert.lengthOf(book.open(now), full)
  })
})

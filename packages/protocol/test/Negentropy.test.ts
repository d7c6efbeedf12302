import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { nip77 } from "nostr-tools"
import { createHash } from "node:crypto"
import * as Negentropy from "../src/Negentropy.ts"
import { EventId } from "../src/NostrEvent.ts"

/** The n-th event; few dates, so that many share one. */
const item = (n: number, dates = 7): Negentropy.Item => ({
  id: EventId.make(createHash("sha256").update(String(n)).digest("hex")),
  created_at: 1_700_000_000 + (n % dates)
})

const items = (from: number, to: number, dates?: number) =>
  Array.from({ length: to - from }, (_, index) => item(from + index, dates))

const idsOf = (of: ReadonlyArray<Negentropy.Item>) => of.map(({ id }) => id).toSorted()

interface Difference {
  readonly have: Array<string>
  readonly need: Array<string>
  rounds: number
  bytes: number
}

/** The talk of two sides, until the one that began knows all. */
const talk = (
  mine: ReadonlyArray<Negentropy.Item>,
  theirs: ReadonlyArray<Negentropy.Item>,
  frameLimit?: number
): Difference => {
  const limit = frameLimit === undefined ? {} : { frameLimit }
  const we = Negentropy.make(mine, { role: "initiator", ...limit })
  const they = Negentropy.make(theirs, { role: "responder", ...limit })
  const found: Difference = { have: [], need: [], rounds: 0, bytes: 0 }
  for (let message: string | undefined = we.begin(); message !== undefined;) {
    const { reply } = Result.getOrThrow(they.answer(message))
    assert(reply !== undefined)
    if (frameLimit !== undefined) assert.isAtMost(reply.length / 2, frameLimit)
    found.rounds++
    found.bytes += (message.length + reply.length) / 2
    const step: Negentropy.Step = Result.getOrThrow(we.answer(reply))
    found.have.push(...step.have)
    found.need.push(...step.need)
    message = step.reply
  }
  return found
}

const Count = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 400 }))

describe("reconciliation", () => {
  it.prop(
    "finds what one side has and the other has not",
    [Count, Count, Count, Schema.Literals([1, 7, 1_000])],
    ([onlyMine, shared, onlyTheirs, dates]) => {
      const mine = items(0, onlyMine + shared, dates)
      const theirs = items(onlyMine, onlyMine + shared + onlyTheirs, dates)
      const { have, need } = talk(mine, theirs)
      assert.deepStrictEqual(have.toSorted(), idsOf(items(0, onlyMine)))
      const end = onlyMine + shared
      assert.deepStrictEqual(need.toSorted(), idsOf(items(end, end + onlyTheirs)))
    }
  )

  it("costs what the difference is large, and hardly more for large sets", () => {
    const { bytes, have, need, rounds } = talk(items(0, 20_000), items(10, 20_010))
    assert.lengthOf(have, 10)
    assert.lengthOf(need, 10)
    assert.isAtMost(rounds, 4)
    assert.isAtMost(bytes, 50_000)
  })

  it("goes on in bounded messages where all is different", () => {
    const { have, need } = talk(items(0, 3_000), items(3_000, 9_000), 4_096)
    assert.deepStrictEqual(have.toSorted(), idsOf(items(0, 3_000)))
    assert.deepStrictEqual(need.toSorted(), idsOf(items(3_000, 9_000)))
  })

  it.prop(
    "asks as another implementation asks",
    [Count, Count],
    ([onlyMine, onlyTheirs]) => {
      const theirs = items(onlyMine, onlyMine + 500 + onlyTheirs)
      const storage = new nip77.NegentropyStorageVector()
      for (const { created_at, id } of items(0, onlyMine + 500)) storage.insert(created_at, id)
      storage.seal()
      const foreign = new nip77.Negentropy(storage)
      const we = Negentropy.make(theirs, { role: "responder" })
      const have: Array<string> = []
      const need: Array<string> = []
      for (let message: string | null = foreign.initiate(); message !== null;) {
        const { reply } = Result.getOrThrow(we.answer(message))
        message = foreign.reconcile(
          reply!,
          (id) => have.push(id),
          (id) => need.push(id)
        )
      }
      assert.deepStrictEqual(have.toSorted(), idsOf(items(0, onlyMine)))
      const end = onlyMine + 500
      assert.deepStrictEqual(need.toSorted(), idsOf(items(end, end + onlyTheirs)))
    },
    { arbitrary: { runs: 10 } }
  )

  it("begins as another implementation begins", () => {
    for (const count of [0, 1, 31, 32, 1_000]) {
      const storage = new nip77.NegentropyStorageVector()
      for (const { created_at, id } of items(0, count)) storage.insert(created_at, id)
      storage.seal()
      assert.strictEqual(
        Negentropy.make(items(0, count), { role: "initiator" }).begin(),
        new nip77.Negentropy(storage).initiate()
      )
    }
  })

  it("leaves out dates that not everybody can write", () => {
    const far = { ...item(1), created_at: Negentropy.latest + 1 }
    assert.deepStrictEqual(talk([far], [item(2)]).need, [item(2).id])
    assert.deepStrictEqual(talk([far], [item(2)]).have, [])
  })
})

describe("a message that makes no sense", () => {
  const we = Negentropy.make(items(0, 100), { role: "initiator" })

  it.each([
    ["nothing", ""],
    ["no hex", "61zz"],
    ["half a byte", "610"],
    ["another version", "62"],
    ["a range that ends too early", "6100"],
    ["a mode that does not exist", "61000007"],
    ["a bound that is longer than an id", "610121" + "00".repeat(33)],
    ["more ids than follow", "61000002ffff7f"],
    ["a number without an end", "61" + "ff".repeat(40)]
  ])("is refused: %s", (_, message) => {
    assert.isTrue(Result.isFailure(we.answer(message)))
  })

  it.prop(
    "never throws",
    [Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })))],
    ([bytes]) => {
      const message = Buffer.from([0x61, ...bytes]).toString("hex")
      we.answer(message)
      Negentropy.make(items(0, 100), { role: "responder" }).answer(message)
    }
  )
})

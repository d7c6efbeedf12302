import { assert, describe, it } from "@effect/vitest"
import { Key, NostrEvent } from "@farthing/protocol"
import { Schema } from "effect"
import * as Charter from "../src/Charter.ts"
import * as DueHeap from "../src/DueHeap.ts"
import * as Heartbeat from "../src/Heartbeat.ts"
import * as Roster from "../src/Roster.ts"
import type { Trigger } from "../src/Trigger.ts"
import * as TriggerQueue from "../src/TriggerQueue.ts"

const at = (iso: string): number => new Date(iso).getTime()

describe("a heartbeat", () => {
  it("comes after its interval, give or take its jitter", () => {
    const rhythm = { heartbeatSeconds: 100, jitter: 0.1 }
    assert.strictEqual(Heartbeat.next(rhythm, 0, 0), 90_000)
    assert.strictEqual(Heartbeat.next(rhythm, 0, 0.5), 100_000)
    assert.isBelow(Heartbeat.next(rhythm, 0, 0.999), 110_000)
  })

  const office: Heartbeat.BusinessHours = {
    days: [1, 2, 3, 4, 5],
    from: "09:00",
    to: "17:30",
    timeZone: "Europe/Berlin"
  }
  const openings: ReadonlyArray<readonly [string, string, string]> = [
    ["in the hours", "2026-03-02T10:00:00+01:00", "2026-03-02T10:00:00+01:00"],
    ["before them", "2026-03-02T05:00:00+01:00", "2026-03-02T09:00:00+01:00"],
    ["after them", "2026-03-02T17:30:00+01:00", "2026-03-03T09:00:00+01:00"],
    ["before a weekend", "2026-03-06T18:00:00+01:00", "2026-03-09T09:00:00+01:00"],
    ["over a change of the clocks", "2026-03-27T18:00:00+01:00", "2026-03-30T09:00:00+02:00"]
  ]
  it.each(openings)("waits for its business hours: %s", (_, asked, opened) => {
    assert.strictEqual(Heartbeat.opening(office, at(asked)), at(opened))
  })

  it("refuses hours that make no sense", () => {
    const isHours = Schema.is(Heartbeat.BusinessHours)
    assert.isTrue(isHours(office))
    assert.isFalse(isHours({ ...office, timeZone: "Mars/Olympus" }))
    assert.isFalse(isHours({ ...office, from: "18:00" }))
    assert.isFalse(isHours({ ...office, days: [] }))
  })
})

const event = (n: number): NostrEvent.EventId =>
  NostrEvent.EventId.make(n.toString(16).padStart(64, "0"))
const mention = (n: number): Trigger => ({ _tag: "Mention", event: event(n) })

const rules: TriggerQueue.Rules = { settle: 2_000, apart: 15_000, mostPerHour: 3 }

describe("a queue of triggers", () => {
  const offered = (...triggers: ReadonlyArray<Trigger>) =>
    triggers.reduce((queue, trigger) => TriggerQueue.offer(queue, trigger, 0), TriggerQueue.empty)

  it("makes one tick of many, for the strongest of them", () => {
    const queue = offered(mention(1), { _tag: "DirectMessage", event: event(2) }, mention(3))
    const [trigger, after] = TriggerQueue.take(queue, 5_000, rules)
    assert.strictEqual(trigger?._tag, "DirectMessage")
    assert.deepStrictEqual(after.waiting, [])
  })

  it("knows each event once, and no more than a few", () => {
    assert.strictEqual(offered(mention(1), mention(1)).waiting.length, 1)
    const many = offered(...Array.from({ length: 1_000 }, (_, n) => mention(n)))
    assert.strictEqual(many.waiting.length, 16)
  })

  it("waits for others that come with it, and leaves time between ticks", () => {
    assert.strictEqual(TriggerQueue.dueAt(offered(mention(1)), rules), 2_000)
    const [, after] = TriggerQueue.take(offered(mention(1)), 2_000, rules)
    const again = TriggerQueue.offer(after, mention(2), 3_000)
    assert.strictEqual(TriggerQueue.dueAt(again, rules), 17_000)
  })

  it("lets others make an agent think only so often an hour", () => {
    let queue = TriggerQueue.empty
    let now = 0
    for (let n = 0; n < 3; n++) {
      queue = TriggerQueue.offer(queue, mention(n), now)
      now = TriggerQueue.dueAt(queue, rules)
      queue = TriggerQueue.take(queue, now, rules)[1]
    }
    queue = TriggerQueue.offer(queue, mention(9), now)
    assert.strictEqual(TriggerQueue.dueAt(queue, rules), 2_000 + 3_600_000)
  })

  it("does not make a person wait", () => {
    const busy = TriggerQueue.take(offered(mention(1)), 100, rules)[1]
    const asked = TriggerQueue.offer(busy, { _tag: "Manual", note: "" }, 200)
    assert.strictEqual(TriggerQueue.dueAt(asked, rules), 200)
  })
})

describe("a heap of who is due", () => {
  const Dues = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 50 })))

  it.prop(
    "gives them in their order, however they were moved and removed",
    [Dues, Dues],
    ([dues, moves]) => {
      const heap = DueHeap.make<DueHeap.Due & { readonly n: number }>()
      const items = dues.map((_, n) => ({ n, due: 0, place: -1 }))
      items.forEach((item, n) => heap.put(item, dues[n]!))
      moves.forEach((move, n) => {
        const item = items[move % Math.max(1, items.length)]
        if (item === undefined) return
        if (n % 3 === 0) heap.remove(item)
        else heap.put(item, move)
      })
      const kept = items.filter(({ place }) => place >= 0)
      const given: Array<number> = []
      for (let first = heap.first(); first !== undefined; first = heap.first()) {
        given.push(first.due)
        heap.remove(first)
      }
      assert.deepStrictEqual(
        given,
        kept.map(({ due }) => due).toSorted((a, b) => a - b)
      )
    },
    { arbitrary: { runs: 300 } }
  )
})

describe("a roster", () => {
  const id = Key.publicKeyOf(Key.generate())
  const member = (nextHeartbeat: number | undefined) => ({
    id,
    account: undefined,
    charter: Charter.make({ name: "heron", heartbeatSeconds: 900, jitter: 0 }),
    isPaused: false,
    life: undefined,
    nextHeartbeat
  })
  const over = 1_000_000_000

  it("fires a heartbeat that was missed once, and goes on from now", () => {
    const roster = Roster.make(rules)
    roster.take(member(over - 100 * 900_000), over, 0.5)
    const begun = roster.begin(over)
    assert.strictEqual(begun?.trigger._tag, "Heartbeat")
    assert.isUndefined(roster.begin(over))
    assert.strictEqual(
      roster.end(begun!.seat, begun!.trigger, "over", over + 10, 0.5),
      over + 10 + 900_000
    )
  })

  it("keeps its rhythm where it was late by little", () => {
    const roster = Roster.make(rules)
    roster.take(member(over), over, 0.5)
    const begun = roster.begin(over + 400)
    assert.strictEqual(
      roster.end(begun!.seat, begun!.trigger, "over", over + 900, 0.5),
      over + 900_000
    )
  })

  it("lets nobody tick twice at a time, and forgets nothing that comes meanwhile", () => {
    const roster = Roster.make(rules)
    roster.take(member(over), over, 0.5)
    const begun = roster.begin(over)
    assert.isTrue(roster.offer(id, mention(1), over))
    assert.isUndefined(roster.begin(over + 60_000))
    roster.end(begun!.seat, begun!.trigger, "over", over + 60_000, 0.5)
    assert.strictEqual(roster.begin(over + 60_000)?.trigger._tag, "Mention")
  })

  it("asks again soon for somebody who is at work elsewhere", () => {
    const roster = Roster.make(rules)
    roster.take(member(over), over, 0.5)
    const begun = roster.begin(over)
    roster.end(begun!.seat, begun!.trigger, "open", over, 0.5)
    assert.strictEqual(roster.nextDue(), over + 15_000)
  })

  it("knows nobody who has left", () => {
    const roster = Roster.make(rules)
    roster.take(member(over), over, 0.5)
    roster.retain([])
    assert.isFalse(roster.offer(id, mention(1), over))
    assert.strictEqual(roster.nextDue(), Number.POSITIVE_INFINITY)
  })
})

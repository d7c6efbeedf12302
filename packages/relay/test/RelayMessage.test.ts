import { assert, describe, it } from "@effect/vitest"
import * as RelayMessage from "../src/RelayMessage.ts"
import { note } from "./fixtures.ts"

/** Keys in the order of the alphabet, as some relays send them. */
const sorted = (event: object): object => Object.fromEntries(Object.entries(event).toSorted())

describe("a glance at a frame", () => {
  const quoting = note({ content: JSON.stringify({ id: note().id, created_at: 1 }) })
  const tagged = note({ tags: [["id", note().id], ["created_at"], ['"id":"', '"created_at":2']] })

  it("tells what an event is, whatever it quotes and in whatever order it comes", () => {
    for (const event of [note(), quoting, tagged])
      for (const sent of [event, sorted(event)])
        assert.deepStrictEqual(RelayMessage.glance(JSON.stringify(["EVENT", "a1", sent])), {
          subscription: "a1",
          id: event.id,
          created_at: event.created_at
        })
  })

  it("leaves to be read what it cannot tell", () => {
    const event = note()
    const { created_at: _, ...undated } = event
    const text = JSON.stringify(["EVENT", "a1", event])
    for (const frame of [
      "",
      '["EVENT","',
      JSON.stringify(["EOSE", "a1"]),
      JSON.stringify(["EVENT", "a1", undated]),
      JSON.stringify(["EVENT", "a1", { ...event, id: "short" }]),
      text.replace('"id":', '"id" : '),
      text.replace('["EVENT"', '[ "EVENT"'),
      text.slice(0, 60)
    ])
      assert.isUndefined(RelayMessage.glance(frame), frame)
  })
})

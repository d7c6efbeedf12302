import { assert, describe, it } from "@effect/vitest"
import { Key, Msat, NostrEvent, Sat } from "@farthing/protocol"
import { Arbitrary, Option, Schema } from "effect"
import * as nip19 from "nostr-tools/nip19"
import * as Action from "../src/Action.ts"

const alice = Key.publicKeyOf(Key.generate())
const npub = Key.formatPublic(alice)
const note = NostrEvent.EventId.make("ab".repeat(32))
const sats = (amount: number): Msat.Msat => Sat.toMsat(Sat.make(amount))

const read = (line: string): Action.Action | undefined =>
  Option.getOrUndefined(Action.parseLine(line))

describe("the lines of a thought", () => {
  const lines: ReadonlyArray<readonly [string, Action.Action]> = [
    ["POST: hello | world", { _tag: "Post", text: "hello | world" }],
    [`DM: ${npub} | hi | there`, { _tag: "DirectMessage", to: alice, text: "hi | there" }],
    [`DM: nostr:${alice} | hi`, { _tag: "DirectMessage", to: alice, text: "hi" }],
    ["CHANNEL: good morning", { _tag: "ChannelMessage", text: "good morning" }],
    [`CHANNEL: ${note} | hi`, { _tag: "ChannelMessage", channel: note, text: "hi" }],
    ["CHANNEL: either | or", { _tag: "ChannelMessage", text: "either | or" }],
    [
      `PAY_INVOICE: lightning:LNBCRT${"1P".repeat(20)}`,
      { _tag: "PayInvoice", bolt11: `lnbcrt${"1p".repeat(20)}` }
    ],
    [
      `REQUEST_PAYMENT: ${npub} | 21 sats | for tea | and cake`,
      { _tag: "RequestPayment", from: alice, amount: sats(21), memo: "for tea | and cake" }
    ],
    [`ZAP: ${npub} | 5`, { _tag: "ZapProfile", to: alice, amount: sats(5) }],
    [
      `ZAP: ${nip19.nprofileEncode({ pubkey: alice, relays: [] })} | 5`,
      { _tag: "ZapProfile", to: alice, amount: sats(5) }
    ],
    [`ZAP: ${nip19.noteEncode(note)} | 5`, { _tag: "ZapNote", note, amount: sats(5) }],
    [`ZAP: ${nip19.neventEncode({ id: note })} | 5`, { _tag: "ZapNote", note, amount: sats(5) }],
    ["GOAL: be kind", { _tag: "Goal", text: "be kind" }],
    ["REMEMBER: tea at five", { _tag: "Remember", text: "tea at five" }],
    ["FORGET: m12", { _tag: "Forget", id: "m12" }],
    ["NOTHING", { _tag: "Nothing" }],
    ["- **POST:** a list of models", { _tag: "Post", text: "a list of models" }],
    ["2. POST: two", { _tag: "Post", text: "two" }]
  ]
  it.each(lines)("%s", (line, action) => {
    assert.deepStrictEqual(read(line), action)
  })

  const nonsense = [
    "Post: in small letters",
    "I will POST: something",
    "POST:",
    `DM: ${npub}`,
    "DM: bob | hi",
    `ZAP: ${npub} | 0`,
    `ZAP: ${npub} | -5`,
    `ZAP: ${npub} | 1.5`,
    `ZAP: ${npub} | 99999999999999`,
    "PAY_INVOICE: me",
    "FORGET: everything",
    "toString: 1",
    "CONSTRUCTOR: 1"
  ]
  it.each(nonsense)("%s is nothing that can be done", (line) => {
    assert.isUndefined(read(line))
  })

  it("are told back where they say nothing, and where there are too many", () => {
    const { actions, unknown } = Action.parse(
      `Let me think.\n\n${"POST: again\n".repeat(Action.mostActions + 1)}`
    )
    assert.strictEqual(actions.length, Action.mostActions)
    assert.deepStrictEqual(unknown, ["Let me think.", "POST: again"])
  })

  it.prop(
    "say again what they were read from",
    [Arbitrary.schema(Action.Action)],
    ([action]) => {
      const tidied = tidy(action)
      if (tidied === undefined) return
      assert.deepStrictEqual(read(Action.format(tidied)), tidied)
    },
    { arbitrary: { runs: 300 } }
  )

  it.prop("never break on any text", [Schema.String], ([text]) => {
    const { actions, unknown } = Action.parse(text)
    assert.isAtMost(actions.length + unknown.length, 16)
  })
})

/** An action whose texts stand on one line, and whose amounts are whole sats, of real keys. */
const tidy = (action: Action.Action): Action.Action | undefined => {
  const words = (text: string) => text.replace(/[^\p{L}\p{N} |]/gu, "").trim()
  switch (action._tag) {
    case "Post":
    case "Goal":
    case "Remember":
      return words(action.text) === "" ? undefined : { ...action, text: words(action.text) }
    case "ChannelMessage":
    case "DirectMessage": {
      const text = words(action.text)
      if (text === "") return undefined
      return action._tag === "DirectMessage"
        ? { _tag: "DirectMessage", to: alice, text }
        : { ...action, text }
    }
    case "RequestPayment": {
      const memo = words(action.memo)
      return memo === "" ? undefined : { ...action, from: alice, memo, amount: sats(7) }
    }
    case "ZapProfile":
      return { ...action, to: alice, amount: sats(7) }
    case "ZapNote":
      return { ...action, amount: sats(7) }
    default:
      return action
  }
}

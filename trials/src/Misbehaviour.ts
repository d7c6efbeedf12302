/** What relays do wrong, by name: out of malice, for want of care, or because they are tired. */
import type { Deed, Frame, Manner } from "./OtherRelay.ts"
import { forward, say } from "./OtherRelay.ts"

/** Counts: `true` once in `every` calls, at the last of them. */
const nth = (every: number): (() => boolean) => {
  let count = 0
  return () => ++count % every === 0
}

const isOf = (frame: Frame, ...types: ReadonlyArray<string>): boolean =>
  types.includes(String(frame[0]))

const fieldsOf = (event: unknown): Readonly<Record<string, unknown>> =>
  typeof event === "object" && event !== null ? { ...event } : {}

/** Another copy of an EVENT frame, changed. */
const altered = (frame: Frame, change: Readonly<Record<string, unknown>>): Frame => [
  frame[0],
  frame[1],
  { ...fieldsOf(frame[2]), ...change }
]

/** Hex of the right length that is somebody else's. */
const another = (hex: unknown): string =>
  String(hex).replace(/^./, (digit) => (digit === "0" ? "1" : "0"))

const later = (millis: number, deed: Deed): Deed => ({ _tag: "Later", millis, deed })

/** Loses every third message, whoever sent it. */
const drops: Manner = () => {
  const [fromClient, fromRelay] = [nth(3), nth(3)]
  return {
    onClient: (frame) => (fromClient() ? [] : [forward(frame)]),
    onRelay: (frame) => (fromRelay() ? [] : [forward(frame)])
  }
}

/** Lets later messages overtake earlier ones. */
const reorders: Manner = () => {
  let place = 0
  return { onRelay: (frame) => [later(60 - 30 * (place++ % 3), forward(frame))] }
}

const duplicates: Manner = () => ({
  onClient: (frame) => [forward(frame), forward(frame)],
  onRelay: (frame) => [forward(frame), forward(frame), forward(frame)]
})

const delays: Manner = () => ({
  onClient: (frame) => [later(100, forward(frame))],
  onRelay: (frame) => [later(100, forward(frame))]
})

const withholdsEose: Manner = () => ({
  onRelay: (frame) => (isOf(frame, "EOSE") ? [] : [forward(frame)])
})

const withholdsOk: Manner = () => ({
  onRelay: (frame) => (isOf(frame, "OK") ? [] : [forward(frame)])
})

/** Repeats what one subscription got to all others, wanted or not. */
const mixesUp: Manner = () => {
  const subscriptions = new Set<unknown>()
  return {
    onClient: (frame) => {
      if (isOf(frame, "REQ")) subscriptions.add(frame[1])
      return [forward(frame)]
    },
    onRelay: (frame) =>
      isOf(frame, "EVENT")
        ? [...subscriptions].map((id) => say("EVENT", id, frame[2])).concat(forward(frame))
        : [forward(frame)]
  }
}

/** Another content under the id and the signature of the genuine event, and before it. */
const forgesContents: Manner = () => ({
  onRelay: (frame) =>
    isOf(frame, "EVENT")
      ? [
          forward(altered(frame, { content: `${String(fieldsOf(frame[2])["content"])} ` })),
          forward(frame)
        ]
      : [forward(frame)]
})

const forgesIds: Manner = () => ({
  onRelay: (frame) =>
    isOf(frame, "EVENT")
      ? [forward(altered(frame, { id: another(fieldsOf(frame[2])["id"]) })), forward(frame)]
      : [forward(frame)]
})

const forgesSignatures: Manner = () => ({
  onRelay: (frame) =>
    isOf(frame, "EVENT")
      ? [forward(altered(frame, { sig: another(fieldsOf(frame[2])["sig"]) })), forward(frame)]
      : [forward(frame)]
})

/** Sends nothing genuine at all. */
const onlyForges: Manner = () => ({
  onRelay: (frame) =>
    isOf(frame, "EVENT")
      ? [forward(altered(frame, { sig: another(fieldsOf(frame[2])["sig"]) }))]
      : [forward(frame)]
})

/** Goes away in the middle of every fifth message. */
const breaks: Manner = () => {
  const due = nth(5)
  return { onRelay: (frame) => [due() ? { _tag: "Break", frame } : forward(frame)] }
}

const deep = "[".repeat(50_000) + "]".repeat(50_000)

const garbage: ReadonlyArray<string | Uint8Array> = [
  new Uint8Array(1_000).fill(0xff),
  "",
  "null",
  '["EVENT"',
  '["EVENT",{},[]]',
  '["EVENT","0",{"id":{"toString":1},"tags":[[[]]],"__proto__":null}]',
  '["OK",null,"yes"]',
  '["CLOSED"]',
  '["EOSE",["0"]]',
  '["\\u0000\\u001b[2J"]',
  `["EVENT","0",${deep}]`,
  `["NOTICE","${"x".repeat(600 * 1024)}"]`
]

/** Whatever is no message of a relay. */
const babbles: Manner = () => {
  const all = garbage.map((data): Deed => ({ _tag: "Babble", data }))
  const due = nth(8)
  return {
    onDial: () => all,
    onRelay: (frame) => (due() ? [...all, forward(frame)] : [forward(frame)])
  }
}

/** Answers every second event with more than anybody takes, which ends the connection. */
const shouts: Manner = () => {
  const due = nth(2)
  return {
    onClient: (frame) =>
      isOf(frame, "EVENT") && due()
        ? [forward(frame), { _tag: "Babble", data: " ".repeat(9 * 1024 * 1024) }]
        : [forward(frame)]
  }
}

const authRequired = "auth-required: say who you are"

/** Wants to know who asks, and is never content. */
const interrogates: Manner = () => {
  let asked = 0
  const challenge = (): Deed => say("AUTH", `challenge ${asked++}`)
  return {
    onDial: () => [challenge()],
    onClient: (frame) => {
      switch (frame[0]) {
        case "REQ":
          return [challenge(), say("CLOSED", frame[1], authRequired)]
        case "EVENT":
          return [say("OK", fieldsOf(frame[1])["id"], false, authRequired), challenge()]
        case "AUTH":
          return [challenge()]
        default:
          return []
      }
    }
  }
}

/** Accepts every proof of who asks, and asks again. */
const forgetsWhoAsks: Manner = () => ({
  ...interrogates(),
  onClient: (frame) =>
    isOf(frame, "AUTH")
      ? [say("OK", fieldsOf(frame[1])["id"], true, ""), say("AUTH", "who again?")]
      : [
          say("AUTH", "who?"),
          isOf(frame, "REQ")
            ? say("CLOSED", frame[1], authRequired)
            : say("OK", fieldsOf(frame[1])["id"], false, authRequired)
        ]
})

const tooFast = "rate-limited: slow down"

/** Has no time for anybody. */
const limitsRate: Manner = () => ({
  onClient: (frame) => {
    switch (frame[0]) {
      case "REQ":
        return [say("CLOSED", frame[1], tooFast), say("NOTICE", tooFast)]
      case "EVENT":
        return [say("OK", fieldsOf(frame[1])["id"], false, tooFast)]
      default:
        return []
    }
  }
})

/** Refuses the first subscriptions and events of a connection, as relays do that are busy. */
const limitsRateAtFirst: Manner = () => {
  const { onClient } = limitsRate()
  let refusals = 2
  return {
    onClient: (frame) =>
      isOf(frame, "REQ", "EVENT") && refusals-- > 0 ? (onClient?.(frame) ?? []) : [forward(frame)]
  }
}

/** Takes everything, keeps nothing, knows nothing. */
const swallows: Manner = () => ({
  onClient: (frame) => {
    switch (frame[0]) {
      case "REQ":
        return [say("EOSE", frame[1])]
      case "EVENT":
        return [say("OK", fieldsOf(frame[1])["id"], true, "")]
      default:
        return []
    }
  }
})

/** Says no to every event, and passes it on all the same. */
const denies: Manner = () => ({
  onRelay: (frame) =>
    isOf(frame, "OK") ? [say("OK", frame[1], false, "blocked: not here")] : [forward(frame)]
})

/** Reads everything and says nothing. */
const keepsSilent: Manner = () => ({ onClient: () => [], onRelay: () => [] })

export const all = {
  drops,
  reorders,
  duplicates,
  delays,
  withholdsEose,
  withholdsOk,
  mixesUp,
  forgesContents,
  forgesIds,
  forgesSignatures,
  onlyForges,
  breaks,
  babbles,
  shouts,
  interrogates,
  forgetsWhoAsks,
  limitsRate,
  limitsRateAtFirst,
  swallows,
  denies,
  keepsSilent
} satisfies Readonly<Record<string, Manner>>

export type Name = keyof typeof all

export const names = Object.keys(all) as ReadonlyArray<Name>

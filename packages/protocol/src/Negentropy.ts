/**
 * Range-based set reconciliation (NIP-77, Negentropy protocol version 1): two sides that hold sets
 * of events find out which ids one has and the other has not, at a cost that grows with the
 * difference and hardly with the sets. Pure, for both sides.
 *
 * That of nostr-tools only begins, it does not answer, and numbers beyond 31 bits wrap; the tests
 * talk to it.
 */
import { Result, Schema } from "effect"
import { createHash } from "node:crypto"
import type * as NostrEvent from "./NostrEvent.ts"

/** What is reconciled: an event by its date and id. */
export interface Item {
  readonly created_at: number
  readonly id: string
}

export interface Options {
  /** The side that began says in the end what is missing where; the other one answers. */
  readonly role: "initiator" | "responder"
  /** The most bytes of a message, at least 4,096; there are two hex digits to a byte. */
  readonly frameLimit?: number
}

/** What a message has told. */
export interface Step {
  /** What to say next, in hex; nothing where all is known. */
  readonly reply: string | undefined
  /** Only we have these. Empty for the side that answers. */
  readonly have: ReadonlyArray<string>
  /** Only the other side has these. Empty for the side that answers. */
  readonly need: ReadonlyArray<NostrEvent.EventId>
}

export interface Reconciliation {
  /** The first message, in hex. */
  readonly begin: () => string
  /** Reads a message in hex. */
  readonly answer: (message: string) => Result.Result<Step, InvalidMessage>
}

export class InvalidMessage extends Schema.TaggedError<InvalidMessage>()("InvalidMessage", {
  message: Schema.String
}) {}

/** A later date cannot be told from the end of all time by every peer. */
export const latest = 2 ** 31 - 2

const version = 0x61
const idBytes = 32
const fingerprintBytes = 16
const infinity = Number.POSITIVE_INFINITY
const defaultFrameLimit = 60_000

/** A range with fewer items is told item by item, a larger one in so many parts. */
const parts = 16

const Mode = { skip: 0, fingerprint: 1, ids: 2 } as const

/** Where a range ends: before this date, or at it before the first id that begins like this. */
interface Bound {
  readonly timestamp: number
  readonly prefix: Uint8Array
}

/** Events that are dated after `latest` are left out. */
export const make = (events: ReadonlyArray<Item>, options: Options): Reconciliation => {
  const isInitiator = options.role === "initiator"
  const frameLimit = Math.max(options.frameLimit ?? defaultFrameLimit, 4_096) - 200
  const set = sorted(events)

  /** Describes our part of a range: by its ids, or by the fingerprints of its parts. */
  const describe = (writer: Writer, lower: number, upper: number, end: Bound): void => {
    const count = upper - lower
    if (count < parts * 2) {
      writer.bound(end)
      writer.number(Mode.ids)
      writer.number(count)
      writer.bytes(set.idsOf(lower, upper))
      return
    }
    for (let part = 0, from = lower; part < parts; part++) {
      const to = from + Math.floor(count / parts) + (part < count % parts ? 1 : 0)
      writer.bound(to === upper ? end : set.boundBefore(to))
      writer.number(Mode.fingerprint)
      writer.bytes(set.fingerprint(from, to))
      from = to
    }
  }

  const begin = (): string => {
    const writer = makeWriter()
    describe(writer, 0, set.size, { timestamp: infinity, prefix: new Uint8Array(0) })
    return writer.toHex()
  }

  const reconcile = (reader: Reader): Step => {
    const have: Array<string> = []
    const need: Array<NostrEvent.EventId> = []
    const writer = makeWriter()
    let lower = 0
    let lastEnd: Bound = { timestamp: 0, prefix: new Uint8Array(0) }
    let skipped = false

    const sayWhatWasSkipped = (): void => {
      if (!skipped) return
      skipped = false
      writer.bound(lastEnd)
      writer.number(Mode.skip)
    }

    /** Of ids that both sides have told, what only one of them has. */
    const compare = (theirs: ReadonlySet<string>, upper: number): void => {
      const missing = new Set(theirs)
      for (let index = lower; index < upper; index++) {
        const id = set.idAt(index)
        if (!missing.delete(id)) have.push(id)
      }
      for (const id of missing) need.push(id as NostrEvent.EventId)
    }

    /** As many of our ids as fit; where the range ends then. */
    const tell = (upper: number, end: Bound): number => {
      const room = Math.max(0, Math.floor((frameLimit - writer.size()) / idBytes))
      const last = Math.min(upper, lower + room)
      writer.bound(last < upper ? set.boundAt(last) : end)
      writer.number(Mode.ids)
      writer.number(last - lower)
      writer.bytes(set.idsOf(lower, last))
      return last
    }

    while (!reader.isAtEnd()) {
      const end = reader.bound()
      const mode = reader.number()
      let upper = set.indexOf(end, lower)
      const before = writer.size()
      if (mode === Mode.skip) {
        skipped = true
      } else if (mode === Mode.fingerprint) {
        const theirs = reader.bytes(fingerprintBytes)
        if (Buffer.compare(theirs, set.fingerprint(lower, upper)) === 0) {
          skipped = true
        } else {
          sayWhatWasSkipped()
          describe(writer, lower, upper, end)
        }
      } else if (mode === Mode.ids) {
        const theirs = reader.ids()
        if (isInitiator) {
          compare(theirs, upper)
          skipped = true
        } else {
          sayWhatWasSkipped()
          upper = tell(upper, end)
        }
      } else {
        throw new RangeError(`unknown mode ${mode}`)
      }
      if (writer.size() > frameLimit) {
        // What does not fit is summed up, so that the other side asks for it again.
        if (mode === Mode.fingerprint) writer.cut(before)
        writer.bound({ timestamp: infinity, prefix: new Uint8Array(0) })
        writer.number(Mode.fingerprint)
        writer.bytes(set.fingerprint(mode === Mode.fingerprint ? lower : upper, set.size))
        break
      }
      lower = upper
      lastEnd = end
    }
    return { reply: writer.isEmpty() && isInitiator ? undefined : writer.toHex(), have, need }
  }

  return {
    begin,
    answer: (message) =>
      Result.try({
        try: () => {
          const reader = makeReader(message)
          const theirs = reader.byte()
          if (theirs === version) return reconcile(reader)
          if (isInitiator) throw new RangeError("no version that both sides speak")
          // Which one we speak.
          return { reply: makeWriter().toHex(), have: [], need: [] }
        },
        catch: (cause) =>
          new InvalidMessage({ message: cause instanceof Error ? cause.message : "unreadable" })
      })
  }
}

/** The items in their order, and what is asked of them. */
const sorted = (events: ReadonlyArray<Item>) => {
  const items = events
    .filter(({ created_at }) => created_at <= latest)
    .toSorted((a, b) => a.created_at - b.created_at || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
    .filter(({ id }, index, all) => id !== all[index - 1]?.id)
  const ids = new Uint8Array(items.length * idBytes)
  items.forEach(({ id }, index) => ids.set(Buffer.from(id, "hex"), index * idBytes))
  const view = new DataView(ids.buffer)
  const bytesAt = (index: number): Uint8Array =>
    ids.subarray(index * idBytes, (index + 1) * idBytes)
  const dateAt = (index: number): number => items[index]?.created_at ?? infinity

  /** Whether the item stands before the bound. */
  const isBefore = (index: number, { prefix, timestamp }: Bound): boolean => {
    const date = dateAt(index)
    if (date !== timestamp) return date < timestamp
    return Buffer.compare(bytesAt(index).subarray(0, prefix.length), prefix) < 0
  }

  return {
    size: items.length,
    idAt: (index: number) => items[index]!.id,
    idsOf: (lower: number, upper: number) => ids.subarray(lower * idBytes, upper * idBytes),
    /** Where the items go on that do not stand before the bound. */
    indexOf: (bound: Bound, from: number): number => {
      let low = from
      let high = items.length
      while (low < high) {
        const middle = (low + high) >>> 1
        if (isBefore(middle, bound)) low = middle + 1
        else high = middle
      }
      return low
    },
    boundAt: (index: number): Bound => ({ timestamp: dateAt(index), prefix: bytesAt(index) }),
    /** The shortest bound that parts the item from the one before it. */
    boundBefore: (index: number): Bound => {
      const timestamp = dateAt(index)
      if (timestamp !== dateAt(index - 1)) return { timestamp, prefix: new Uint8Array(0) }
      const [one, other] = [bytesAt(index - 1), bytesAt(index)]
      const shared = one.findIndex((byte, place) => byte !== other[place])
      return { timestamp, prefix: other.subarray(0, shared + 1) }
    },
    /** The first bytes of the hash of the sum of the ids, modulo 2^256, and of their number. */
    fingerprint: (lower: number, upper: number): Uint8Array => {
      const sums = new Float64Array(idBytes / 4)
      for (let index = lower; index < upper; index++)
        for (let limb = 0; limb < sums.length; limb++)
          sums[limb]! += view.getUint32(index * idBytes + limb * 4, true)
      const total = Buffer.alloc(idBytes)
      let carry = 0
      for (let limb = 0; limb < sums.length; limb++) {
        const sum = sums[limb]! + carry
        total.writeUInt32LE(sum % 2 ** 32, limb * 4)
        carry = Math.floor(sum / 2 ** 32)
      }
      const hash = createHash("sha256")
        .update(total)
        .update(encoded(upper - lower))
        .digest()
      return hash.subarray(0, fingerprintBytes)
    }
  }
}

/** Seven bits a byte, the highest first; all but the last one are marked. */
const encoded = (number: number): Uint8Array => {
  const digits = [number % 128]
  for (let rest = Math.floor(number / 128); rest > 0; rest = Math.floor(rest / 128))
    digits.unshift((rest % 128) + 128)
  return Uint8Array.from(digits)
}

interface Writer {
  readonly number: (number: number) => void
  readonly bytes: (bytes: Uint8Array) => void
  readonly bound: (bound: Bound) => void
  readonly size: () => number
  /** Takes back what was written beyond a size. */
  readonly cut: (size: number) => void
  readonly isEmpty: () => boolean
  readonly toHex: () => string
}

/** A message; dates are written as what they are later than the one before. */
const makeWriter = (): Writer => {
  let chunks: Array<Uint8Array> = [Uint8Array.of(version)]
  let lastTimestamps: Array<number> = [0]
  let sizes: Array<number> = [1]
  const size = (): number => sizes.at(-1)!
  const lastTimestamp = (): number => lastTimestamps.at(-1)!
  const write = (bytes: Uint8Array, timestamp = lastTimestamp()): void => {
    chunks.push(bytes)
    lastTimestamps.push(timestamp)
    sizes.push(size() + bytes.length)
  }
  const number: Writer["number"] = (value) => write(encoded(value))
  return {
    number,
    bytes: (bytes) => write(bytes),
    bound: ({ prefix, timestamp }) => {
      write(encoded(timestamp === infinity ? 0 : timestamp - lastTimestamp() + 1), timestamp)
      number(prefix.length)
      write(prefix)
    },
    size,
    cut: (to) => {
      const kept = sizes.findIndex((one) => one === to) + 1
      chunks = chunks.slice(0, kept)
      lastTimestamps = lastTimestamps.slice(0, kept)
      sizes = sizes.slice(0, kept)
    },
    isEmpty: () => chunks.length === 1,
    toHex: () => Buffer.concat(chunks).toString("hex")
  }
}

interface Reader {
  readonly isAtEnd: () => boolean
  readonly byte: () => number
  readonly bytes: (count: number) => Uint8Array
  readonly number: () => number
  readonly bound: () => Bound
  readonly ids: () => ReadonlySet<string>
}

/** Throws a `RangeError` where the message ends too early or makes no sense. */
const makeReader = (message: string): Reader => {
  if (!/^(?:[0-9a-f]{2})+$/i.test(message)) throw new RangeError("not hex")
  const buffer = Buffer.from(message, "hex")
  let at = 0
  let lastTimestamp = 0

  const bytes: Reader["bytes"] = (count) => {
    if (count > buffer.length - at) throw new RangeError("it ends too early")
    return buffer.subarray(at, (at += count))
  }
  const byte = (): number => bytes(1)[0]!
  const number = (): number => {
    let value = 0
    for (let next = byte(); ; next = byte()) {
      value = value * 128 + (next & 127)
      if (value > Number.MAX_SAFE_INTEGER) throw new RangeError("a number is too large")
      if (next < 128) return value
    }
  }
  const timestamp = (): number => {
    const value = number()
    lastTimestamp = value === 0 ? infinity : lastTimestamp + value - 1
    return lastTimestamp
  }
  return {
    isAtEnd: () => at >= buffer.length,
    byte,
    bytes,
    number,
    bound: () => {
      const date = timestamp()
      const length = number()
      if (length > idBytes) throw new RangeError("a bound is longer than an id")
      return { timestamp: date, prefix: bytes(length) }
    },
    ids: () => {
      const count = number()
      const all = Buffer.from(bytes(count * idBytes)).toString("hex")
      const width = idBytes * 2
      return new Set(
        Array.from({ length: count }, (_, index) => all.slice(index * width, (index + 1) * width))
      )
    }
  }
}

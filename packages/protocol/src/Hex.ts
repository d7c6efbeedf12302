/** Lower-case hex of a fixed length, the form of every key, id, hash and signature on the wire. */
import { Schema } from "effect"

/** A string of exactly `bytes` bytes in lower-case hex. */
export const ofBytes = (bytes: number) => Schema.String.check(Schema.isPattern(pattern(bytes)))

/** The same as a plain check, for code that looks at every event. */
export const isOfBytes = (bytes: number): ((value: unknown) => value is string) => {
  const digits = pattern(bytes)
  return (value): value is string => typeof value === "string" && digits.test(value)
}

/** Stops at the first character that is no hex digit: check first what comes from outside. */
export const toBytes = (hex: string): Uint8Array => Buffer.from(hex, "hex")

export const fromBytes = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")

const pattern = (bytes: number) => new RegExp(`^[0-9a-f]{${bytes * 2}}$`)

/** Lower-case hex of a fixed length, the form of every key, id, hash and signature on the wire. */
import { Schema } from "effect"

/** A string of exactly `bytes` bytes in lower-case hex. */
export const ofBytes = (bytes: number) =>
  Schema.String.check(Schema.isPattern(new RegExp(`^[0-9a-f]{${bytes * 2}}$`)))

export const toBytes = (hex: string): Uint8Array => Buffer.from(hex, "hex")

export const fromBytes = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")

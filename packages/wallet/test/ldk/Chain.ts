/**
 * A chain whose blocks hold what they are told to. Nodes follow it as light clients do: they are
 * told headers and the transactions that concern them, and check no proof of work.
 */
import type { Confirm } from "lightningdevkit"
import * as ldk from "lightningdevkit"
import { hash, randomBytes } from "node:crypto"

export interface Chain {
  readonly height: () => number
  /** What is told of every new block. */
  readonly follow: (confirm: Confirm) => void
  /** A block of that unix second, or of its parent's if that is later. */
  readonly mine: (time: number, transactions?: ReadonlyArray<Uint8Array>) => void
}

export const make = (genesis: Uint8Array): Chain => {
  const followers: Array<Confirm> = []
  let tip = { hash: genesis, height: 0, time: 0 }

  return {
    height: () => tip.height,
    follow: (confirm) => followers.push(confirm),
    mine: (now, transactions = []) => {
      const time = Math.max(now, tip.time)
      const header = headerOn(tip.hash, time)
      tip = { hash: doubleSha256(header), height: tip.height + 1, time }
      for (const follower of followers) {
        // The first transaction of a block makes its coins.
        const found = transactions.map((transaction, at) =>
          ldk.TwoTuple_usizeTransactionZ.constructor_new(at + 1, transaction)
        )
        if (found.length > 0) follower.transactions_confirmed(header, found, tip.height)
        follower.best_block_updated(header, tip.height)
      }
    }
  }
}

/** Eighty bytes: version, parent, root of the transactions, time, target, nonce. */
const headerOn = (parent: Uint8Array, time: number): Buffer => {
  const header = Buffer.alloc(80)
  header.writeInt32LE(0x20000000, 0)
  header.set(parent, 4)
  header.set(randomBytes(32), 36)
  header.writeUInt32LE(time, 68)
  header.writeUInt32LE(0x207fffff, 72)
  return header
}

const doubleSha256 = (bytes: Uint8Array): Buffer =>
  hash("sha256", hash("sha256", bytes, "buffer"), "buffer")

/** A transaction that pays `sats` to a script, out of an output that nobody has ever seen. */
export const transactionTo = (script: Uint8Array, sats: bigint): Uint8Array => {
  const numbers = Buffer.alloc(13)
  numbers.writeUInt32LE(0xffffffff, 0)
  numbers.writeUInt8(1, 4)
  numbers.writeBigUInt64LE(sats, 5)
  return Buffer.concat([
    // Version 2, one input: an output's id and number, no script, and a witness (BIP 144).
    Buffer.from([2, 0, 0, 0, 0, 1, 1]),
    randomBytes(32),
    Buffer.alloc(5),
    numbers,
    Uint8Array.of(script.length),
    script,
    // One witness of one byte, and no lock time.
    Buffer.from([1, 1, 0xff, 0, 0, 0, 0])
  ])
}

/**
 * Signatures to be checked, as bytes that go from one thread to another: of each event its id, its
 * author and the signature, one after the other. Needs nothing but the curve.
 */
import type { NostrEvent } from "@farthing/protocol"
import * as Secp256k1 from "@farthing/protocol/Secp256k1"

const idBytes = 32
const authorBytes = 32
const claimBytes = idBytes + authorBytes + 64

/** That the id is the hash of the event is not among it. */
export const encode = (events: ReadonlyArray<NostrEvent.NostrEvent>): Uint8Array<ArrayBuffer> => {
  const claims = Buffer.alloc(events.length * claimBytes)
  events.forEach(({ id, pubkey, sig }, index) => {
    claims.write(id + pubkey + sig, index * claimBytes, "hex")
  })
  return claims
}

/** For each claim 1 if the signature (BIP-340) is the author's, else 0. */
export const check = (claims: Uint8Array): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length: claims.length / claimBytes }, (_, index) => {
    const claim = claims.subarray(index * claimBytes, (index + 1) * claimBytes)
    const signature = claim.subarray(idBytes + authorBytes)
    const author = claim.subarray(idBytes, idBytes + authorBytes)
    return Secp256k1.schnorrVerify(signature, claim.subarray(0, idBytes), author) ? 1 : 0
  })

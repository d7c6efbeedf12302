/**
 * The program of a `SignatureThread`: answers each message with what became of its claims. A bundle
 * needs it as a file of its own, beside the one that it starts from.
 */
import { parentPort } from "node:worker_threads"
import * as SignatureClaims from "./SignatureClaims.ts"

parentPort?.on("message", (claims: Uint8Array) => {
  const answer = SignatureClaims.check(claims)
  parentPort?.postMessage(answer, [answer.buffer])
})

import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { createPrivateKey, X509Certificate } from "node:crypto"
import * as Certificate from "../src/Certificate.ts"

describe("The certificate", () => {
  it.live("is its own issuer's, good now, and for localhost alone", () =>
    Effect.gen(function* () {
      const made = yield* Certificate.make
      const now = yield* Clock.currentTimeMillis
      const x509 = new X509Certificate(made.certificate)
      assert.isTrue(x509.verify(x509.publicKey))
      assert.isTrue(x509.checkIssued(x509))
      assert.isTrue(x509.checkPrivateKey(createPrivateKey(made.key)))
      assert.strictEqual(x509.checkHost("localhost"), "localhost")
      assert.isUndefined(x509.checkHost("example.com"))
      assert.isBelow(x509.validFromDate.getTime(), now)
      assert.isAbove(x509.validToDate.getTime(), now)
    })
  )

  it.live("is another every time", () =>
    Effect.gen(function* () {
      const [one, other] = yield* Effect.all([Certificate.make, Certificate.make])
      assert.notStrictEqual(
        new X509Certificate(one.certificate).serialNumber,
        new X509Certificate(other.certificate).serialNumber
      )
    })
  )
})

/**
 * Agents in a process of their own, each of which stands still at a moment of its tick:
 * `node agent-process.ts <folder> <relay> <secret of the first> <secret of the second> …`.
 */
import { Effect, Layer, Redacted } from "effect"
import { Agent } from "../../src/Agent.ts"
import * as Trigger from "../../src/Trigger.ts"
import * as Home from "./Home.ts"
import * as Moments from "./Moments.ts"

const [folder = "", relay = "", ...secrets] = process.argv.slice(2)
const town = { folder, relay }

const say = (line: string) => Effect.sync(() => process.stdout.write(`${line}\n`))

const homeOf = (secret: string, number: number) => {
  const moment = Moments.names[number % Moments.names.length]!
  return Home.home(town, Redacted.make(secret), {
    account: String(number),
    home: `agent-${number}.db`,
    charter: { autonomy: "autonomous" },
    seen: Moments.seenAt(moment, say(moment))
  })
}

const live = Effect.flatMap(Agent, (agent) => agent.tick(Trigger.heartbeat))

await Effect.forEach(
  secrets,
  (secret, number) => Effect.provide(live, Layer.fresh(homeOf(secret, number))),
  { concurrency: "unbounded" }
).pipe(Effect.provide(Layer.fresh(Home.streets(town))), Effect.runPromise)

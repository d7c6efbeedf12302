/** `farthing provider`: sells inference until it is stopped. */
import { Msat } from "@farthing/protocol"
import { ComputeProvider } from "@farthing/provider"
import { Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import * as Setting from "farthing/config/Setting"
import { seller } from "../Market.ts"
import * as Options from "../Options.ts"
import * as Selling from "../Selling.ts"

const HttpUrl = Schema.String.check(
  Schema.makeFilter((url: string) => Option.isSome(Setting.httpUrl.decode(url)), {
    message: `Expected ${Setting.httpUrl.expected}, such as http://127.0.0.1:11434/v1`
  })
)

const flags = {
  name: Flag.String("name").pipe(
    Flag.withDescription("The name that customers see"),
    Flag.optional
  ),
  priceMsats: Options.whole("price-msats", { minimum: 1, maximum: Msat.most }).pipe(
    Flag.withDescription("The price of one request"),
    Flag.optional
  ),
  model: Flag.String("model").pipe(
    Flag.withDescription("Which of the backend's models is sold; may be given several times"),
    Flag.atLeast(0)
  ),
  backend: Flag.String("backend").pipe(
    Flag.withSchema(HttpUrl),
    Flag.withDescription("An OpenAI-compatible server, such as http://127.0.0.1:11434/v1"),
    Flag.withMetavar("url"),
    Flag.optional
  ),
  capacity: Options.whole("capacity", { minimum: 1, maximum: 10_000 }).pipe(
    Flag.withDescription("How many jobs are done at once"),
    Flag.optional
  ),
  settlement: Options.settlement.pipe(
    Flag.withDescription("Which ways to exchange money and result customers may choose from"),
    Flag.optional
  )
}

const given = <K extends string, A>(name: K, value: Option.Option<A>) =>
  Option.match(value, {
    onNone: () => ({}),
    onSome: (value) => ({ [name]: value }) as { readonly [N in K]: A }
  })

export const command = Command.make("provider", flags, () =>
  Effect.flatMap(ComputeProvider.ComputeProvider, Selling.tell)
).pipe(
  Command.withDescription("Sell inference until stopped (Ctrl-C finishes what is paid)"),
  Command.provide((input) =>
    seller(
      {
        ...given("name", input.name),
        ...given("priceMsats", Option.map(input.priceMsats, Msat.make)),
        ...given("capacity", input.capacity),
        ...given("settlement", input.settlement),
        ...(input.model.length === 0 ? {} : { models: input.model })
      },
      Option.getOrUndefined(input.backend)
    )
  )
)

/**
 * Changes a token of Microsoft Entra (Azure AD) for a refresh token of an Azure container registry, which is then an identity token like
 * any other. Source: Azure/acr docs/AAD-OAuth.md, Calling POST /oauth2/exchange to get an ACR refresh token.
 */
import { discard, readCapped } from "./body.ts";
import { BadRegistryAnswer, RegistryUnauthenticated } from "./errors.ts";
import type { Repository } from "./repository.ts";
import type { Session } from "./session.ts";

/** What is changed. */
export interface EntraToken {
  /** An access token for Azure's management, or for the registry. */
  readonly token: string;
  /** Of the tenant that gave it, if the registry would not know. */
  readonly tenant?: string | undefined;
}

const MAX_ANSWER = 65_536;
const OPERATION = "change a token of Microsoft Entra";

/** @returns the refresh token @throws {RegistryUnauthenticated} {BadRegistryAnswer} */
export async function exchangeEntraToken(
  session: Session,
  { registry }: Repository,
  { token, tenant }: EntraToken,
  signal?: AbortSignal,
): Promise<string> {
  const form = new URLSearchParams({
    grant_type: "access_token",
    service: registry,
    ...(tenant !== undefined && { tenant }),
    access_token: token,
  });
  const response = await session.send(
    {
      method: "POST",
      url: `${session.origin}/oauth2/exchange`,
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new TextEncoder().encode(form.toString()),
      action: "pull",
      expect: [200, 400, 401, 403, 404],
      operation: OPERATION,
    },
    signal,
  );
  if (response.status !== 200) {
    await discard(response);
    const reason =
      response.status === 404
        ? "it is no Azure container registry"
        : `it refuses the token with status ${response.status}`;
    throw new RegistryUnauthenticated({ registry, operation: OPERATION, reason });
  }
  const bytes = await readCapped(response.body, MAX_ANSWER);
  const refresh = bytes === undefined ? undefined : refreshToken(new TextDecoder().decode(bytes));
  if (refresh === undefined)
    throw new BadRegistryAnswer({ registry, operation: OPERATION, reason: "it sent no refresh token" });
  return refresh;
}

function refreshToken(text: string): string | undefined {
  try {
    const { refresh_token: token } = JSON.parse(text) as { refresh_token?: unknown };
    return typeof token === "string" && token !== "" ? token : undefined;
  } catch {
    // The text may hold a token: it is not kept as a cause.
    return undefined;
  }
}

import type { WebClient } from '@slack/web-api'

/** Who the app is in Slack. */
export type SlackIdentity = { teamId: string; botId: string }

/** Asks Slack once who the token belongs to, and remembers the answer; a failure is not remembered. */
export function rememberIdentity(client: WebClient): () => Promise<SlackIdentity> {
  let asked: Promise<SlackIdentity> | null = null
  const ask = async (): Promise<SlackIdentity> => {
    const { team_id, bot_id } = await client.auth.test()
    if (team_id === undefined || bot_id === undefined)
      throw new Error(
        'Slack did not say which workspace and bot the token belongs to; SLACK_BOT_TOKEN must be a bot token',
      )
    return { teamId: team_id, botId: bot_id }
  }
  return () => {
    asked ??= ask().catch((error: unknown) => {
      asked = null
      throw error
    })
    return asked
  }
}

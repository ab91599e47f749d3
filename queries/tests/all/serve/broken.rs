//! A file that cannot be read is named to clients, and left out for those who ask for that.

use super::bed::{Bed, code};
use crate::broken::Damage;
use crate::fixture::story;
use futures::TryStreamExt as _;
use interdict_queries::serve::Limits;
use tokio_postgres::SimpleQueryMessage;

const ASKED: &str = "select root from events";

fn count(messages: &[SimpleQueryMessage]) -> usize {
    messages.iter().filter(|message| matches!(message, SimpleQueryMessage::Row(_))).count()
}

#[tokio::test]
async fn a_broken_file_is_named_and_left_out_with_a_warning() {
    for damage in Damage::ALL {
        let lake = story().await;
        let broken = damage.to(lake.path(), "2026-03-02");
        let place = lake.path().display().to_string();
        let bed = Bed::new(lake, Limits::default()).await;
        let (mut client, warnings) = bed.warned("all").await;
        let error = client.simple_query(ASKED).await.expect_err("one file is broken");
        assert_eq!(code(&error), "XX001", "{damage:?}: {error:?}");
        let told = error.as_db_error().expect("told");
        assert!(told.message().contains(&broken) && !told.message().contains(&place), "{told:?}");
        assert!(told.hint().is_some_and(|hint| hint.contains("interdict.skip_broken")), "{told:?}");
        // The session goes on, and so does what needs other files alone.
        let rest = format!("{ASKED} where date > date '2026-03-02'");
        assert_eq!(count(&client.simple_query(&rest).await.expect("answers")), 8);
        assert!(warnings.lock().expect("warnings").is_empty());

        client.simple_query("set interdict.skip_broken = on").await.expect("sets");
        let warned = || std::mem::take(&mut *warnings.lock().expect("warnings"));
        let is_told = |warned: &[String]| matches!(warned, [one] if one.contains(&broken));
        assert_eq!(count(&client.simple_query(ASKED).await.expect("answers")), 8, "{damage:?}");
        assert!(is_told(&warned()), "{damage:?}: by the simple protocol");
        assert_eq!(client.query(ASKED, &[]).await.expect("answers").len(), 8);
        assert!(is_told(&warned()), "{damage:?}: by the extended protocol");
        let transaction = client.transaction().await.expect("begins");
        transaction.simple_query(&format!("declare c cursor for {ASKED}")).await.expect("declares");
        assert_eq!(count(&transaction.simple_query("fetch all from c").await.expect("fetches")), 8);
        assert!(is_told(&warned()), "{damage:?}: by a cursor");
        transaction.commit().await.expect("commits");
        bed.until("result success 00000 8").await;
        client.simple_query("set interdict.skip_broken = off").await.expect("sets");
        assert_eq!(code(&client.simple_query(ASKED).await.expect_err("broken")), "XX001");

        let mut flight = bed.flight().await;
        flight.set_token("all".to_owned());
        let info = flight.execute(ASKED.to_owned(), None).await.expect("plans");
        let ticket = info.endpoint.into_iter().next().and_then(|endpoint| endpoint.ticket).expect("a ticket");
        let error = match flight.do_get(ticket).await {
            Ok(rows) => rows.try_collect::<Vec<_>>().await.expect_err("broken").to_string(),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(&broken), "{error}");
    }
}

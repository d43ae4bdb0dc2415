//! What is wrong with the tables is told, and over as soon as somebody has mended it.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_was_away_for_a_moment_is_used_again() {
    let Some(address) = address() else { return };
    let folder = TempDir::new().expect("a folder");
    let store = connect(&address, &schema(&folder)).expect("connects");
    let accepted = store.accept(batch(&["1"], &["phone"])).await;
    assert_eq!(accepted.expect("accepts").new, 1);
    let client = beside(&address, &folder).await;
    for (table, id) in [("tags", "2"), ("deliveries", "3")] {
        let away = format!("ALTER TABLE {table} RENAME TO elsewhere");
        client.batch_execute(&away).await.expect("renames");
        for _ in 0..2 {
            let told = store.accept(batch(&[id], &["phone"])).await;
            let told = told.expect_err("a table is missing").to_string();
            assert!(
                told.contains(&format!("\"{table}\" does not exist")),
                "{told}"
            );
            store.recent_deliveries(9).await.expect_err("the same");
        }
        let back = format!("ALTER TABLE elsewhere RENAME TO {table}");
        client.batch_execute(&back).await.expect("renames");
        let accepted = store.accept(batch(&[id], &["phone"])).await;
        assert_eq!(accepted.expect("accepts again").new, 1);
    }
    assert_eq!(claim(&store, "phone", now(), 9).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_patience_with_locks_that_its_role_has_is_not_the_queues() {
    let Some(address) = address() else { return };
    let folder = TempDir::new().expect("a folder");
    let schema = schema(&folder);
    let client = beside(&address, &folder).await;
    let role = format!("{schema}_hasty").to_lowercase();
    let hasty = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'hasty'; ALTER ROLE {role} SET lock_timeout = '20ms';
         CREATE SCHEMA \"{schema}\" AUTHORIZATION {role}"
    );
    client.batch_execute(&hasty).await.expect("makes them");
    let ours = with(&address, |_| {});
    let (_, place) = ours.split_once('@').expect("a user");
    let store = connect(&format!("postgres://{role}:hasty@{place}"), &schema).expect("connects");

    take_lock(&client, &schema).await;
    let accepting = tokio::spawn({
        let store = store.clone();
        async move { store.accept(batch(&["1"], &["phone"])).await }
    });
    commit_when_waited_for(&client).await;
    let accepted = accepting.await.expect("comes back");
    assert_eq!(accepted.expect("has waited").new, 1);
    store.close().await;
    let gone = format!("DROP SCHEMA \"{schema}\" CASCADE; DROP ROLE {role}");
    client.batch_execute(&gone).await.expect("drops it");
}

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

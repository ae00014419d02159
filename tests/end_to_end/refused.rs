//! Lines that are not points: each is counted by its reason and shown, and harms nothing else.

use crate::daemon::{Home, last_minute, now, wait_for};

#[test]
fn refused_lines_are_counted_by_reason_and_shown() {
    let home = Home::new();
    let daemon = home.start(&[]);
    let minute = last_minute();
    let future = now() + 10 * 86_400;
    let long_node = "n".repeat(300);
    let long_line = "x".repeat(70_000);
    let table = [
        ("bad_line", "only.a.name".to_owned()),
        ("bad_line", format!("a b c d {minute}")),
        ("bad_value", format!("refused.value abc {minute}")),
        ("bad_value", format!("refused.hex 0x10 {minute}")),
        ("nan", format!("refused.nan nan {minute}")),
        ("bad_timestamp", "refused.time 1 yesterday".to_owned()),
        ("too_far_in_future", format!("refused.future 1 {future}")),
        ("too_old", "refused.old 1 1000000000".to_owned()),
        ("name_too_long", format!("{long_node} 1 {minute}")),
        ("line_too_long", long_line),
        ("bad_name", format!("refused/slash 1 {minute}")),
    ];
    for (position, (reason, line)) in table.iter().enumerate() {
        let label = format!("reason=\"{reason}\"");
        let count = || {
            daemon.metric("plumbago_receiver_points_refused_total", &label)
                + daemon.metric("plumbago_shard_points_refused_total", &label)
        };
        let before = count();
        // A good line behind each bad one must arrive.
        daemon.send_tcp(&format!(
            "{line}\ngood.line{position} {position} {minute}\n"
        ));
        daemon.wait_for_points(
            &format!("good.line{position}"),
            3600,
            &[(minute, position as f64)],
        );
        wait_for(&format!("{line:.60} to be counted as {reason}"), || {
            (count() == before + 1.0).then_some(())
        });
    }
    let list = daemon.get("/debug/refused");
    for text in ["bad_value", "refused.hex 0x10", "too_old", "127.0.0.1"] {
        assert!(list.contains(text), "{text} is not in {list}");
    }
    assert_eq!(
        daemon
            .get_json("/metrics/find?query=refused*")
            .as_array()
            .unwrap()
            .len(),
        0
    );
    daemon.stop();
}

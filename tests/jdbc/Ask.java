import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.OffsetDateTime;
import java.util.Arrays;

/** Where an identity's sessions went: java -cp postgresql.jar Ask.java URL ROOT, with a token in PGPASSWORD. */
public class Ask {
    public static void main(String[] arguments) throws SQLException {
        String sql = "select time, target, state, chain from sessions where root = ? and time < ? order by time, session";
        try (Connection lake = DriverManager.getConnection(arguments[0], "me", System.getenv("PGPASSWORD"));
                PreparedStatement question = lake.prepareStatement(sql)) {
            question.setString(1, arguments[1]);
            question.setObject(2, OffsetDateTime.parse("2026-04-01T00:00:00Z"));
            try (ResultSet rows = question.executeQuery()) {
                while (rows.next()) {
                    System.out.println(rows.getObject("time", OffsetDateTime.class) + " " + rows.getString("target") + " "
                        + rows.getString("state") + " " + Arrays.toString((Object[]) rows.getArray("chain").getArray()));
                }
            }
        }
    }
}

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.util.Properties;

/** What programs do through JDBC, against the lake; prints one line for each thing that worked. */
public class Probe {
    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        properties.setProperty("user", "me");
        properties.setProperty("password", System.getenv("PGPASSWORD"));
        properties.setProperty("sslmode", "require");
        properties.setProperty("prepareThreshold", "2");
        properties.setProperty("defaultRowFetchSize", "3");
        try (Connection connection = DriverManager.getConnection(arguments[0], properties)) {
            System.out.println("product " + connection.getMetaData().getDatabaseProductName());
            try (ResultSet tables = connection.getMetaData().getTables(null, "public", "%", new String[] {"TABLE", "VIEW"})) {
                while (tables.next()) {
                    System.out.println("table " + tables.getString("TABLE_NAME") + " " + tables.getString("TABLE_TYPE"));
                }
            }
            try (ResultSet columns = connection.getMetaData().getColumns(null, "public", "events", "%")) {
                while (columns.next()) {
                    System.out.println("column " + columns.getString("COLUMN_NAME") + " " + columns.getString("TYPE_NAME"));
                }
            }
            // A server-side statement from the second run on, with binary values; rows come in portions.
            connection.setAutoCommit(false);
            String sql = "select session, time, chain, class_uid from events where root = ? and time > ? order by time, id";
            try (PreparedStatement statement = connection.prepareStatement(sql)) {
                for (int run = 0; run < 4; run++) {
                    statement.setString(1, arguments[1]);
                    statement.setTimestamp(2, new Timestamp(0));
                    int rows = 0;
                    try (ResultSet result = statement.executeQuery()) {
                        while (result.next()) {
                            result.getTimestamp("time").toInstant();
                            if (((Object[]) result.getArray("chain").getArray()).length == 0) {
                                throw new IllegalStateException("an empty chain");
                            }
                            rows++;
                        }
                    }
                    System.out.println("run " + run + " rows " + (rows > 3));
                }
            }
            connection.commit();
            connection.setAutoCommit(true);
            try (var statement = connection.createStatement()) {
                statement.execute("delete from events");
                throw new IllegalStateException("a delete was run");
            } catch (SQLException refused) {
                System.out.println("refused " + refused.getSQLState());
            }
            try (var statement = connection.createStatement()) {
                statement.setQueryTimeout(1);
                statement.executeQuery("select count(*) from (select distinct a.value * 100000 + b.value from "
                    + "generate_series(1, 100000) a cross join generate_series(1, 100000) b)");
                throw new IllegalStateException("was not cancelled");
            } catch (SQLException cancelled) {
                System.out.println("cancelled " + cancelled.getSQLState());
            }
        }
    }
}
